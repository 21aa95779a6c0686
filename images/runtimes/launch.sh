# shellcheck shell=sh
# Sourced by a runtime's bootstrap with the runtime's command line as "$@": starts it, through the wrapper in
# AWS_LAMBDA_EXEC_WRAPPER where one is set, with the exit codes of AWS's images.
if [ -n "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    if [ ! -f "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
        echo "$AWS_LAMBDA_EXEC_WRAPPER: does not exist" >&2
        exit 127
    fi
    if [ ! -x "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
        echo "$AWS_LAMBDA_EXEC_WRAPPER: is not an executable" >&2
        exit 126
    fi
    set -- "$AWS_LAMBDA_EXEC_WRAPPER" "$@"
fi
exec "$@"
