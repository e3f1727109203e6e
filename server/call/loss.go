package call

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// What the header x-signalbox-loss may hold: proxies refuse long headers, and CallInfo
// has all of it.
const (
	maxLosses = 1 << 10
	maxWhy    = 96
)

// lossList is what a target loses as a structured list of RFC 9651, in the order of the
// fields: `logit_bias;kind=dropped;why="There is no such thing.", seed;kind=dropped`.
// What has no room is counted: `*;more=3`.
func lossList(losses []*commonv1.Loss) string {
	const room = len(", *;more=") + 10
	var b strings.Builder
	for i, loss := range losses {
		item := lossItem(loss)
		if b.Len()+len(item)+room > maxLosses {
			return b.String() + join(b.Len()) + "*;more=" + strconv.Itoa(len(losses)-i)
		}
		b.WriteString(join(b.Len()))
		b.WriteString(item)
	}
	return b.String()
}

// join is what stands before the next item.
func join(length int) string {
	if length == 0 {
		return ""
	}
	return ", "
}

func lossItem(loss *commonv1.Loss) string {
	kind := strings.ToLower(strings.TrimPrefix(loss.GetKind().String(), "LOSS_KIND_"))
	item := token(loss.GetField()) + ";kind=" + kind
	if why := Cut(loss.GetDetail(), maxWhy); why != "" {
		item += `;why="` + visible(why, `"\\`) + `"`
	}
	return item
}

// token is a field's path as a token, which begins with a letter or "*".
func token(field string) string {
	field = visible(Cut(field, maxParam), ` "(),/:;<=>?@[\]{}`)
	if field == "" || !('a' <= field[0]|0x20 && field[0]|0x20 <= 'z') {
		return "*" + field
	}
	return field
}

// visible is a text in ASCII that can be seen, without the characters of without.
func visible(text, without string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(without, r) {
			return '\''
		}
		return r
	}, text)
}

// few are the first losses that a status has room for.
func few(losses []*commonv1.Loss) []*commonv1.Loss {
	size := 0
	for i, loss := range losses {
		if size += proto.Size(loss); size > maxLost {
			return losses[:i]
		}
	}
	return losses
}
