package describe

import "github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"

// Names of the document's headers.
const (
	headerRequestID  = "RequestId"
	headerPlan       = "Plan"
	headerProvider   = "Provider"
	headerModel      = "Model"
	headerLoss       = "Loss"
	headerRetryAfter = "RetryAfter"
)

// headers are the reply headers that operations share.
func headers() []openapi.Header {
	return []openapi.Header{
		{Component: headerRequestID, Name: "x-request-id", Description: "Names the call: the client's own id, or the gateway's.", Schema: text()},
		{Component: headerPlan, Name: "x-signalbox-plan", Description: "Digest of the execution plan. Equal digests mean equal decisions.", Schema: text()},
		{Component: headerProvider, Name: "x-signalbox-provider", Description: "The provider instance that answered.", Schema: text()},
		{Component: headerModel, Name: "x-signalbox-model", Description: "The model, as the provider names it.", Schema: text()},
		{Component: headerLoss, Name: "x-signalbox-loss", Description: "What of the request could not be carried to the provider as it was asked, as a structured list: `seed;kind=dropped;why=\"…\"`. Absent: nothing was lost.", Schema: text()},
		{Component: headerRetryAfter, Name: "retry-after", Description: "How long to wait before the next try, in seconds, where it is known.", Schema: text()},
	}
}

// replyHeaders names the headers of an RPC's reply.
func replyHeaders(r *rpc) []string {
	names := []string{headerRequestID, headerPlan}
	if r.upstream() {
		names = append(names, headerProvider, headerModel, headerLoss)
	}
	return names
}

// optionHeaders are the members of a request's options that REST has in headers; the
// others are query parameters.
var optionHeaders = map[string]string{"strict": "x-signalbox-strict"}

// timeout is the header that every operation takes.
func timeout() *openapi.Parameter {
	return &openapi.Parameter{
		Name: "x-request-timeout", In: "header",
		Description: "How long the call may take in all, retries and streams included: in seconds (`30`, `2.5`) or with a unit (`500ms`).",
		Schema:      text(),
	}
}
