#!/bin/sh
# Entry point of a runtime image, as AWS's images have it: the handler is the only argument. Without a Runtime API
# in the environment it starts AWS's emulator, which has to be mounted at the path below.
if [ $# -ne 1 ]; then
    echo "entrypoint requires the handler name to be the first argument" >&2
    exit 142
fi
export _HANDLER="$1"

for bootstrap in /var/task/bootstrap /opt/bootstrap /var/runtime/bootstrap; do
    [ -f "$bootstrap" ] && break
done

if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
    exec /usr/local/bin/aws-lambda-rie "$bootstrap"
fi
exec "$bootstrap"
