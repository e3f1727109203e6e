#!/usr/bin/env bash
# Makes the stubs into a folder of the stack and runs the tests. Only Debian's own
# python3 sees Debian's grpcio.
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONPATH=$STACK_DIR/stubs PYTHONDONTWRITEBYTECODE=1
mkdir "$PYTHONPATH"
served=$STACK_DIR/signalbox.binpb known=$STACK_DIR/known.binpb
curl --silent --show-error --fail --output "$served" "http://$SIGNALBOX_REST/proto/signalbox.binpb"
# The names of the files that were served; and, for the details of a status, the types
# that Python's library brings.
mapfile -t files < <(/usr/bin/python3 - "$served" "$known" <<'END_OF_PYTHON'
import sys
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

with open(sys.argv[1], "rb") as served:
    names = [file.name for file in FileDescriptorSet.FromString(served.read()).file]
print("\n".join(name for name in names if not name.startswith("google/protobuf/")))
known = FileDescriptorSet()
for module in any_pb2, duration_pb2:
    module.DESCRIPTOR.CopyToProto(known.file.add())
with open(sys.argv[2], "wb") as out:
    out.write(known.SerializeToString())
END_OF_PYTHON
)
/usr/bin/protoc --descriptor_set_in="$served" --python_out="$PYTHONPATH" --grpc_python_out="$PYTHONPATH" \
	--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin "${files[@]}"
/usr/bin/protoc --descriptor_set_in="$known" --proto_path=../rpc --python_out="$PYTHONPATH" status.proto
/usr/bin/python3 -W error -m unittest --verbose
