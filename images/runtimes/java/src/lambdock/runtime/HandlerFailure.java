package lambdock.runtime;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** What a handler threw, in the shape that the Runtime API takes. */
final class HandlerFailure {
    /** The value of the header Lambda-Runtime-Function-Error-Type. */
    static final String HEADER = "Runtime.UserException";

    private static final String OWN_CLASSES = HandlerFailure.class.getPackageName() + ".";
    private static final String REFLECTION = "jdk.internal.reflect.";

    private final Throwable thrown;
    private final String message;

    HandlerFailure(Throwable thrown) {
        hideRuntime(thrown, Collections.newSetFromMap(new IdentityHashMap<>()));
        this.thrown = thrown;
        String given = thrown.getLocalizedMessage();
        this.message = given == null ? thrown.getClass().getName() : given;
    }

    byte[] body() {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("errorMessage", message);
        members.put("errorType", thrown.getClass().getName());
        members.put("stackTrace", Arrays.stream(thrown.getStackTrace()).map(StackTraceElement::toString).toList());
        return Json.write(members).getBytes(StandardCharsets.UTF_8);
    }

    /** What goes to the log. */
    String report() {
        return message + ": " + thrown.getClass().getName() + "\n" + UserFault.traceOf(thrown) + "\n";
    }

    /** Cuts each trace where this client begins, and the reflection by which it called the handler. */
    private static void hideRuntime(Throwable thrown, Set<Throwable> seen) {
        if (thrown == null || !seen.add(thrown)) {
            return;
        }
        StackTraceElement[] trace = thrown.getStackTrace();
        int end = 0;
        while (end < trace.length && !trace[end].getClassName().startsWith(OWN_CLASSES)) {
            end++;
        }
        if (end < trace.length) {
            while (end > 0 && isReflection(trace[end - 1].getClassName())) {
                end--;
            }
            thrown.setStackTrace(Arrays.copyOf(trace, end));
        }
        hideRuntime(thrown.getCause(), seen);
        for (Throwable suppressed : thrown.getSuppressed()) {
            hideRuntime(suppressed, seen);
        }
    }

    private static boolean isReflection(String className) {
        return className.startsWith(REFLECTION) || className.equals("java.lang.reflect.Method");
    }
}
