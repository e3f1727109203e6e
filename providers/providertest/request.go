package providertest

import (
	"net/http"
	"time"
)

// Request is what is known of one call. It is a copy: later events do not change
// it.
type Request struct {
	// N counts the calls from 1.
	N int
	// Arrived is when its headers were read.
	Arrived time.Time
	// Method and Path are as on the request line, the path still escaped.
	Method, Path string
	// Query is what stood after the question mark.
	Query string
	// Endpoint is the method and the pattern of the path under the provider's base, as
	// EndpointChat. Empty: there is none.
	Endpoint string
	// Proto is the protocol, "HTTP/1.1" or "HTTP/2.0".
	Proto string
	// Header has the request headers.
	Header http.Header
	// Credential is the key that it carried, in a header that the provider knows.
	// Empty: none.
	Credential string
	// ClientRequestID is its X-Client-Request-Id.
	ClientRequestID string
	// Body is the body as it came.
	Body []byte
	// Received says that the body was read to its end.
	Received bool
	// Model and Stream are as the body has them.
	Model  string
	Stream bool
	// Script is the text of the script that it met. Empty: an orderly reply.
	Script string
	// Status is what was answered. 0: nothing yet.
	Status int
	// Events is how many events of a stream were written whole.
	Events int
	// Bytes is how many bytes of the reply's body were written.
	Bytes int64
	// Ended is when the reply was over, in whatever way. Zero: it is under way.
	Ended time.Time
	// Completed says that the whole reply was written as the script wanted.
	Completed bool
	// Aborted is when the client was seen to have left. Zero: it did not.
	Aborted time.Time
	// Connection is the client's address and port, equal for calls on one
	// connection.
	Connection string

	// final says that the last piece of the reply is being written: a client that
	// hangs up now may have got it.
	final bool
}
