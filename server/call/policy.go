package call

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
)

// Policies is what the RPCs declare of themselves, by RPC:
// "signalbox.chat.v1.ChatService/CreateChatCompletion".
type Policies map[string]*policyv1.MethodPolicy

// ReadPolicies reads the policy option of every RPC of the files. It fails when
// one has none, or an incomplete one: a server must not start with it.
func ReadPolicies(files ...protoreflect.FileDescriptor) (Policies, error) {
	policies := Policies{}
	var errs []error
	for _, file := range files {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rpc := RPCName(methods.Get(j))
				policy, err := policyOf(methods.Get(j))
				if err != nil {
					errs = append(errs, fmt.Errorf("policy of %s: %w", rpc, err))
				}
				policies[rpc] = policy
			}
		}
	}
	return policies, errors.Join(errs...)
}

// RPCName is how the gateway names an RPC: service, slash, method.
func RPCName(method protoreflect.MethodDescriptor) string {
	return string(method.Parent().FullName()) + "/" + string(method.Name())
}

// RPCOf is the RPC of gRPC's full method, "/service/method".
func RPCOf(fullMethod string) string { return strings.TrimPrefix(fullMethod, "/") }

func policyOf(method protoreflect.MethodDescriptor) (*policyv1.MethodPolicy, error) {
	policy, _ := proto.GetExtension(method.Options(), policyv1.E_Method).(*policyv1.MethodPolicy)
	switch {
	case policy == nil:
		return nil, errors.New("the RPC has no option signalbox.policy.v1.method")
	case policy.GetOperation() == policyv1.Operation_OPERATION_UNSPECIFIED:
		return nil, errors.New("operation is not set")
	case policy.GetScope() == policyv1.Scope_SCOPE_UNSPECIFIED:
		return nil, errors.New("scope is not set")
	case policy.GetAudit() == policyv1.AuditLevel_AUDIT_LEVEL_UNSPECIFIED:
		return nil, errors.New("audit is not set")
	}
	return policy, nil
}
