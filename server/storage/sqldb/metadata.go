package sqldb

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// linesOf is metadata as it is kept: a line for each key, in order, between line
// feeds, so that a key with its value is found as a part of the text. No line feed
// stands in JSON's strings.
func linesOf(metadata map[string]string) string {
	if len(metadata) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		b.WriteString(quote(key) + ":" + quote(metadata[key]) + "\n")
	}
	return b.String()
}

func quote(s string) string {
	quoted, _ := json.Marshal(s) //nolint:errchkjson // a string can always be marshalled
	return string(quoted)
}

// metadataOf is the inverse of linesOf.
func metadataOf(lines string) (map[string]string, error) {
	if lines == "" {
		return nil, nil //nolint:nilnil // no metadata
	}
	var metadata map[string]string
	err := json.Unmarshal([]byte("{"+strings.ReplaceAll(strings.Trim(lines, "\n"), "\n", ",")+"}"), &metadata)
	return metadata, err
}
