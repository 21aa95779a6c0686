package lambdock.runtime;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import java.util.LinkedHashMap;
import java.util.Map;

/** Client context and Cognito identity, out of the JSON in their headers. */
final class InvokerContext {
    private InvokerContext() {
    }

    static CognitoIdentity identity(String json) {
        if (json == null || json.isEmpty()) {
            return null;
        }
        Map<?, ?> members = (Map<?, ?>) Json.parse(json);
        return new Identity(text(members, "cognitoIdentityId"), text(members, "cognitoIdentityPoolId"));
    }

    static ClientContext client(String json) {
        if (json == null || json.isEmpty()) {
            return null;
        }
        Map<?, ?> members = (Map<?, ?>) Json.parse(json);
        Map<?, ?> client = members.get("client") instanceof Map<?, ?> map ? map : Map.of();
        return new Sent(
                new App(
                        text(client, "installation_id"),
                        text(client, "app_title"),
                        text(client, "app_version_name"),
                        text(client, "app_version_code"),
                        text(client, "app_package_name")),
                texts(members.get("custom")),
                texts(members.get("env")));
    }

    private static String text(Map<?, ?> members, String name) {
        Object value = members.get(name);
        return value == null ? null : value.toString();
    }

    private static Map<String, String> texts(Object value) {
        Map<String, String> texts = new LinkedHashMap<>();
        if (value instanceof Map<?, ?> members) {
            members.forEach((name, text) -> texts.put(name.toString(), String.valueOf(text)));
        }
        return texts;
    }

    private record Identity(String getIdentityId, String getIdentityPoolId) implements CognitoIdentity {
    }

    private record App(
            String getInstallationId,
            String getAppTitle,
            String getAppVersionName,
            String getAppVersionCode,
            String getAppPackageName) implements Client {
    }

    private record Sent(Client getClient, Map<String, String> getCustom, Map<String, String> getEnvironment)
            implements ClientContext {
    }
}
