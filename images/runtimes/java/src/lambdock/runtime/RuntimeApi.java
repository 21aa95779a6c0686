package lambdock.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;

/** Requests to Lambda's Runtime API, version 2018-06-01. The connection is kept alive between them. */
final class RuntimeApi {
    private final String base;

    RuntimeApi(String address) {
        base = "http://" + address + "/2018-06-01/runtime/";
        // A response must never be sent twice.
        System.setProperty("sun.net.http.retryPost", "false");
    }

    /** Blocks until there is one. */
    Invocation nextInvocation() throws IOException {
        HttpURLConnection connection = open("invocation/next");
        int status = connection.getResponseCode();
        if (status != HttpURLConnection.HTTP_OK) {
            throw new IOException("Received " + status + " when waiting for next invocation.");
        }
        try (InputStream body = connection.getInputStream()) {
            return Invocation.of(connection, body.readAllBytes());
        }
    }

    void respond(String requestId, byte[] body) throws IOException {
        post("invocation/" + requestId + "/response", body, null);
    }

    void fail(String requestId, byte[] body, String errorType) throws IOException {
        post("invocation/" + requestId + "/error", body, errorType);
    }

    void failInit(byte[] body, String errorType) throws IOException {
        post("init/error", body, errorType);
    }

    /**
     * What the API thinks of the body is its own affair: a refusal (too large, say) is already the invocation's end.
     */
    private void post(String path, byte[] body, String errorType) throws IOException {
        HttpURLConnection connection = open(path);
        connection.setRequestMethod("POST");
        connection.setRequestProperty("Content-Type", "application/json");
        if (errorType != null) {
            connection.setRequestProperty("Lambda-Runtime-Function-Error-Type", errorType);
        }
        connection.setFixedLengthStreamingMode(body.length);
        connection.setDoOutput(true);
        try (OutputStream stream = connection.getOutputStream()) {
            stream.write(body);
        }
        boolean refused = connection.getResponseCode() >= HttpURLConnection.HTTP_BAD_REQUEST;
        try (InputStream answer = refused ? connection.getErrorStream() : connection.getInputStream()) {
            if (answer != null) {
                answer.readAllBytes();
            }
        }
    }

    private HttpURLConnection open(String path) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(base + path).openConnection();
        connection.setRequestProperty("User-Agent", "lambdock-java/" + System.getProperty("java.version"));
        return connection;
    }
}
