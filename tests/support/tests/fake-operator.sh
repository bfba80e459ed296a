#!/bin/sh
# Stands in for the operator in process.rs: logs what it was started with and where it would listen, and stays.
trap 'exit 7' TERM
echo "arguments: $*"
env >&2
echo "{\"level\":\"INFO\",\"fields\":{\"message\":\"listening\",\"address\":\"$FAKE_ADDRESS\"}}"
while :; do
  sleep 0.05
done
