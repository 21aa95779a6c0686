package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Multiplies the two numbers in the JSON of the event's body. */
public class Handler implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        String body = (String) event.get("body");
        long first = number(body, "num1");
        long second = number(body, "num2");
        context.getLogger().log("multiplying for " + context.getAwsRequestId() + "\n");
        Map<String, Object> response = new LinkedHashMap<>();
        response.put("statusCode", 200);
        response.put("body", "The product of " + first + " and " + second + " is " + first * second);
        return response;
    }

    public String failing(Map<String, Object> event) {
        throw new IllegalArgumentException("no product of " + event.get("body"));
    }

    private static long number(String json, String name) {
        Matcher matcher = Pattern.compile('"' + name + "\"\\s*:\\s*\"?(-?[0-9]+)").matcher(json);
        if (!matcher.find()) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return Long.parseLong(matcher.group(1));
    }
}
