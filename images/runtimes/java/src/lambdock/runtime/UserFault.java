package lambdock.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The function's code is not what its configuration says: no such class, no such method, a broken constructor. */
final class UserFault extends RuntimeException {
    /** The value of the header Lambda-Runtime-Function-Error-Type. */
    static final String HEADER = "Runtime.BadFunctionCode";

    private static final long serialVersionUID = 1;

    private final String type;
    private final String trace;
    private final boolean fatal;

    private UserFault(String message, Throwable cause, boolean fatal) {
        super(message);
        this.type = cause == null ? null : cause.getClass().getName();
        this.trace = cause == null ? null : traceOf(cause);
        this.fatal = fatal;
    }

    /** Fails each invocation; the process goes on. */
    static UserFault of(String message) {
        return new UserFault(message, null, false);
    }

    /** Fails each invocation; the process goes on. */
    static UserFault of(String message, Throwable cause) {
        return new UserFault(message, cause, false);
    }

    /** Fails the start of the process. */
    static UserFault fatal(String message, Throwable cause) {
        return new UserFault(message, cause, true);
    }

    boolean isFatal() {
        return fatal;
    }

    /** The error's body. Like AWS's, it has no stack trace, and no type where no exception is behind it. */
    byte[] body() {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("errorMessage", getMessage());
        if (type != null) {
            members.put("errorType", type);
        }
        return Json.write(members).getBytes(StandardCharsets.UTF_8);
    }

    /** What goes to the log. */
    String report() {
        return type == null ? getMessage() + "\n" : getMessage() + ": " + type + "\n" + trace + "\n";
    }

    static String traceOf(Throwable thrown) {
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
