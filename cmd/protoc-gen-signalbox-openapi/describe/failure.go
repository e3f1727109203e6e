package describe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// errorReply is the schema of every error's body.
const errorReply = "ErrorReply"

// statuses are the failures that operations name, by status.
var statuses = []openapi.Failure{
	{Name: "BadRequest", Status: "400", Description: "The request is wrong: `param` names the member at fault where one is."},
	{Name: "Unauthorized", Status: "401", Description: "The credentials are missing, unknown or expired."},
	{Name: "Forbidden", Status: "403", Description: "The key may not do this."},
	{Name: "NotFound", Status: "404", Description: "What the request names does not exist, or the key may not see it."},
	{Name: "TooLarge", Status: "413", Description: "The body is larger than allowed."},
	{Name: "UnsupportedMediaType", Status: "415", Description: "The body is not `application/json`."},
	{Name: "TooManyRequests", Status: "429", Description: "The provider limits the rate, or its account is out of funds."},
	{Name: "InternalError", Status: "500", Description: "A fault of the gateway's own."},
	{Name: "BadGateway", Status: "502", Description: "The provider failed, or could not be reached."},
	{Name: "Unavailable", Status: "503", Description: "The gateway or the provider cannot take the call now."},
	{Name: "GatewayTimeout", Status: "504", Description: "There was no answer in time."},
	{Name: "Failure", Status: "default", Description: "Any other failure. A provider's own refusal keeps its status, 400 to 499."},
}

// promise finds what a reason's comment says that it always means: "404, NOT_FOUND.",
// "400 to 499, and …".
var promise = regexp.MustCompile(`\b([45]\d\d)(?:, ([A-Z_]+)\.|( to [45]\d\d))`)

// failures adds the error's schema, the failures that operations share, and the
// reasons.
func (b *builder) failures() error {
	body, reasons := b.named(apiError), b.enumNamed(errorReason)
	if body == nil || reasons == nil {
		return fmt.Errorf("the files have no %s or no %s", apiError, errorReason)
	}
	inner, err := b.message(body, reply)
	if err != nil {
		return err
	}
	inner.Description = "Why the call failed."
	b.schemas[errorReply] = &openapi.Schema{
		Types:       []string{"object"},
		Description: "The body of every error.",
		Properties:  []openapi.Property{{Name: "error", Schema: inner}},
		Required:    []string{"error"},
	}
	byStatus := map[string][]string{}
	for _, v := range reasons.Values {
		text := prose(v.Comments.Leading)
		found := promise.FindStringSubmatch(text)
		if found == nil {
			continue // the zero value, which is never sent
		}
		name := string(v.Desc.Name())
		b.doc.Reasons = append(b.doc.Reasons, openapi.Reason{
			Name:        name,
			Status:      found[1] + found[3],
			Code:        found[2],
			Description: strings.TrimSpace(strings.Replace(text, " "+found[0], "", 1)),
		})
		status := found[1]
		if found[3] != "" {
			status = "default"
		}
		byStatus[status] = append(byStatus[status], name)
	}
	for _, f := range statuses {
		f.Reasons = byStatus[f.Status]
		f.Headers = []string{headerRequestID}
		if f.Status == "429" || f.Status == "503" {
			f.Headers = append(f.Headers, headerRetryAfter)
		}
		f.Schema = &openapi.Schema{Ref: errorReply}
		b.doc.Failures = append(b.doc.Failures, f)
	}
	return nil
}

// failuresOf names the failures that an operation can end in.
func failuresOf(op *openapi.Operation, r *rpc) []string {
	names := []string{"BadRequest", "Unauthorized", "Forbidden"}
	finds := func(p *openapi.Parameter) bool { return p.In == "path" || p.Name == "provider" }
	if op.Body != nil || slices.ContainsFunc(op.Parameters, finds) {
		names = append(names, "NotFound")
	}
	if op.Body != nil {
		names = append(names, "TooLarge", "UnsupportedMediaType")
	}
	if r.upstream() {
		names = append(names, "TooManyRequests")
	}
	names = append(names, "InternalError")
	if r.upstream() {
		names = append(names, "BadGateway")
	}
	names = append(names, "Unavailable")
	if r.upstream() {
		names = append(names, "GatewayTimeout")
	}
	return append(names, "Failure")
}

// named returns the message of this name. Nil: no file has it.
func (b *builder) named(name protoreflect.FullName) *protogen.Message {
	for _, file := range b.plugin.Files {
		for _, message := range file.Messages {
			if message.Desc.FullName() == name {
				return message
			}
		}
	}
	return nil
}

// enumNamed returns the enum of this name. Nil: no file has it.
func (b *builder) enumNamed(name protoreflect.FullName) *protogen.Enum {
	for _, file := range b.plugin.Files {
		for _, enum := range file.Enums {
			if enum.Desc.FullName() == name {
				return enum
			}
		}
	}
	return nil
}
