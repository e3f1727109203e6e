#!/usr/bin/env bash
# Debian's grpcio, with stubs made from the protos that a started gateway serves.
set -euo pipefail
cd "$(dirname "$0")"
../../../../tools/apt.sh curl=curl /usr/bin/python3=python3 /usr/lib/python3/dist-packages/grpc=python3-grpcio \
	/usr/bin/protoc=protobuf-compiler /usr/bin/grpc_python_plugin=protobuf-compiler-grpc
exec ../stack.sh ./suite.sh
