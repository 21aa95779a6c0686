package lambdock.runtime;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import java.io.IOError;
import java.io.IOException;

/**
 * Lambda's Runtime API for Java handlers. Behaves as AWS's runtime interface client for Java does: the same handler
 * forms, the same error types and the same fate of the process.
 */
public final class Client {
    private static final LambdaLogger LOGGER = LambdaRuntime.getLogger();

    private Client() {
    }

    public static void main(String[] arguments) throws IOException {
        RuntimeApi api = new RuntimeApi(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        Handler handler;
        try {
            handler = HandlerLoader.load(arguments.length == 0 ? "" : arguments[0]);
        } catch (UserFault fault) {
            LOGGER.log(fault.report());
            api.failInit(fault.body(), UserFault.HEADER);
            System.exit(1);
            return;
        }
        while (serve(api, handler, api.nextInvocation())) {
            // An interrupt that user code left behind must not end the wait for the next invocation.
            Thread.interrupted();
        }
        System.exit(1);
    }

    /** False when the process has to end. */
    private static boolean serve(RuntimeApi api, Handler handler, Invocation invocation) throws IOException {
        if (invocation.traceId() == null) {
            System.clearProperty("com.amazonaws.xray.traceHeader");
        } else {
            System.setProperty("com.amazonaws.xray.traceHeader", invocation.traceId());
        }
        byte[] answer;
        try {
            answer = handler.call(invocation);
        } catch (UserFault fault) {
            LOGGER.log(fault.report());
            api.fail(invocation.requestId(), fault.body(), UserFault.HEADER);
            return !fault.isFatal();
        } catch (Throwable thrown) {
            HandlerFailure failure = new HandlerFailure(thrown);
            LOGGER.log(failure.report());
            api.fail(invocation.requestId(), failure.body(), HandlerFailure.HEADER);
            return !(thrown instanceof VirtualMachineError || thrown instanceof IOError);
        }
        api.respond(invocation.requestId(), answer);
        return true;
    }
}
