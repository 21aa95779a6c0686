package lambdock.runtime;

/** A loaded handler: payload in, payload out. */
@FunctionalInterface
interface Handler {
    byte[] call(Invocation invocation) throws Throwable;
}
