# shellcheck shell=sh
number() {
    printf '%s' "$2" | sed -n "s/.*$1[^0-9]*\([0-9]*\).*/\1/p"
}

handler() {
    first=$(number num1 "$1")
    second=$(number num2 "$1")
    echo "multiplying" >&2
    printf '{"statusCode":200,"body":"The product of %s and %s is %s"}' "$first" "$second" $((first * second))
}

failing() {
    return 1
}
