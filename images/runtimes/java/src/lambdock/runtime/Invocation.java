package lambdock.runtime;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import java.net.HttpURLConnection;

/** One answer of the Runtime API's "next": the payload, and the context made of the headers. */
record Invocation(
        byte[] payload,
        String requestId,
        long deadlineMillis,
        String functionArn,
        String traceId,
        String tenantId,
        CognitoIdentity identity,
        ClientContext clientContext) implements Context {

    static Invocation of(HttpURLConnection answer, byte[] payload) {
        return new Invocation(
                payload,
                answer.getHeaderField("Lambda-Runtime-Aws-Request-Id"),
                answer.getHeaderFieldLong("Lambda-Runtime-Deadline-Ms", 0),
                answer.getHeaderField("Lambda-Runtime-Invoked-Function-Arn"),
                answer.getHeaderField("Lambda-Runtime-Trace-Id"),
                answer.getHeaderField("Lambda-Runtime-Aws-Tenant-Id"),
                InvokerContext.identity(answer.getHeaderField("Lambda-Runtime-Cognito-Identity")),
                InvokerContext.client(answer.getHeaderField("Lambda-Runtime-Client-Context")));
    }

    @Override
    public String getAwsRequestId() {
        return requestId;
    }

    @Override
    public String getLogGroupName() {
        return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
    }

    @Override
    public String getLogStreamName() {
        return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
    }

    @Override
    public String getFunctionName() {
        return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
    }

    @Override
    public String getFunctionVersion() {
        return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
    }

    @Override
    public String getInvokedFunctionArn() {
        return functionArn;
    }

    @Override
    public CognitoIdentity getIdentity() {
        return identity;
    }

    @Override
    public ClientContext getClientContext() {
        return clientContext;
    }

    @Override
    public int getRemainingTimeInMillis() {
        return (int) Math.max(0, deadlineMillis - System.currentTimeMillis());
    }

    @Override
    public int getMemoryLimitInMB() {
        return Integer.parseInt(System.getenv().getOrDefault("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"));
    }

    @Override
    public LambdaLogger getLogger() {
        return LambdaRuntime.getLogger();
    }

    @Override
    public String getTenantId() {
        return tenantId;
    }

    @Override
    public String getXrayTraceId() {
        return traceId;
    }
}
