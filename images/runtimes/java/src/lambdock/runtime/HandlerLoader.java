package lambdock.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** From a handler's name ("package.Class::method" or "package.Class") to something that can be called. */
final class HandlerLoader {
    private HandlerLoader() {
    }

    /**
     * Loads a handler. What is wrong with its name, class or method is reported by the first invocation, as on AWS;
     * what its initialisation throws is a fatal fault.
     */
    static Handler load(String name) {
        int colons = name.lastIndexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        String methodName = colons < 0 ? null : name.substring(colons + 2);
        if (className.isEmpty() || (methodName != null && methodName.isEmpty())) {
            return failing(UserFault.of("Invalid handler: `" + name + "'"));
        }
        try {
            Class<?> type = Class.forName(className, true, FunctionClassLoader.install());
            return methodName == null ? ofInterface(type) : ofMethod(type, methodName);
        } catch (ClassNotFoundException e) {
            return failing(UserFault.of("Class not found: " + className, e));
        } catch (NoClassDefFoundError e) {
            return failing(UserFault.fatal(loading(className, e), e));
        } catch (UserFault fault) {
            if (fault.isFatal()) {
                throw fault;
            }
            return failing(fault);
        } catch (Throwable e) {
            throw UserFault.fatal(loading(className, e), e);
        }
    }

    private static String loading(String className, Throwable e) {
        return "Error loading class " + className + (e.getMessage() == null ? "" : ": " + e.getMessage());
    }

    private static Handler failing(UserFault fault) {
        return invocation -> {
            throw fault;
        };
    }

    private static Handler ofInterface(Class<?> type) {
        if (RequestStreamHandler.class.isAssignableFrom(type)) {
            RequestStreamHandler handler = (RequestStreamHandler) instantiate(type);
            return invocation -> {
                ByteArrayOutputStream output = new ByteArrayOutputStream();
                handler.handleRequest(new ByteArrayInputStream(invocation.payload()), output, invocation);
                return output.toByteArray();
            };
        }
        if (RequestHandler.class.isAssignableFrom(type)) {
            Type input = inputOf(type, type);
            if (input == null) {
                throw UserFault.of("Class " + type.getName()
                        + " does not implement RequestHandler with concrete type parameters");
            }
            @SuppressWarnings("unchecked")
            RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) instantiate(type);
            return invocation -> written(handler.handleRequest(read(invocation, input), invocation));
        }
        throw UserFault.of("Class does not implement an appropriate handler interface: " + type.getName());
    }

    /** The first type argument that the class gives to RequestHandler; null when it leaves it open. */
    private static Type inputOf(Class<?> type, Class<?> leaf) {
        for (Type candidate : type.getGenericInterfaces()) {
            if (candidate instanceof ParameterizedType parameterized
                    && parameterized.getRawType() == RequestHandler.class) {
                return concrete(parameterized.getActualTypeArguments()[0], type, leaf);
            }
        }
        return type.getSuperclass() == null ? null : inputOf(type.getSuperclass(), leaf);
    }

    /** Follows a type variable of a superclass down to the class that fills it. */
    private static Type concrete(Type type, Class<?> declaring, Class<?> leaf) {
        if (!(type instanceof TypeVariable<?> variable)) {
            return type;
        }
        int index = Arrays.asList(declaring.getTypeParameters()).indexOf(variable);
        for (Class<?> current = leaf; current != declaring; current = current.getSuperclass()) {
            if (current.getSuperclass() == declaring) {
                return current.getGenericSuperclass() instanceof ParameterizedType parent
                        ? concrete(parent.getActualTypeArguments()[index], current, leaf)
                        : null;
            }
        }
        return null;
    }

    private static Handler ofMethod(Class<?> type, String name) {
        return Arrays.stream(type.getMethods())
                .filter(method -> method.getName().equals(name) && supported(method.getParameterTypes()))
                .min(Comparator.comparing(Method::isBridge)
                        .thenComparing(Comparator.comparing(HandlerLoader::weight).reversed()))
                .map(method -> calling(type, method))
                .orElseThrow(() -> UserFault.of("No public method named " + name
                        + " with appropriate method signature found on class " + type.getName()));
    }

    /** Of overloads AWS takes the longest, and counts a context at the end twice. */
    private static int weight(Method method) {
        Class<?>[] parameters = method.getParameterTypes();
        boolean withContext = parameters.length > 0 && parameters[parameters.length - 1] == Context.class;
        return parameters.length + (withContext ? 1 : 0);
    }

    private static boolean supported(Class<?>[] parameters) {
        return switch (parameters.length) {
            case 0, 1 -> true;
            case 2 -> parameters[0] != Context.class
                    && (parameters[1] == Context.class
                            || (parameters[0] == InputStream.class && parameters[1] == OutputStream.class));
            case 3 -> List.of(parameters).equals(List.of(InputStream.class, OutputStream.class, Context.class));
            default -> false;
        };
    }

    private static Handler calling(Class<?> type, Method method) {
        Object receiver = Modifier.isStatic(method.getModifiers()) ? null : instantiate(type);
        Type[] parameters = method.getGenericParameterTypes();
        // Bridges and raw declarations of RequestHandler only know Object; its type argument says more.
        if (parameters.length == 2 && parameters[0] == Object.class && RequestHandler.class.isAssignableFrom(type)) {
            Type input = inputOf(type, type);
            parameters[0] = input == null ? Object.class : input;
        }
        boolean streams = List.of(parameters).contains(OutputStream.class);
        return invocation -> {
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            Object[] values = new Object[parameters.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = argument(parameters[i], invocation, output);
            }
            Object answer;
            try {
                answer = method.invoke(receiver, values);
            } catch (InvocationTargetException e) {
                throw e.getCause() == null ? e : e.getCause();
            }
            return streams ? output.toByteArray() : written(answer);
        };
    }

    private static Object argument(Type parameter, Invocation invocation, OutputStream output) {
        if (parameter == Context.class) {
            return invocation;
        } else if (parameter == InputStream.class) {
            return new ByteArrayInputStream(invocation.payload());
        } else if (parameter == OutputStream.class) {
            return output;
        }
        return read(invocation, parameter);
    }

    private static Object read(Invocation invocation, Type type) {
        try {
            return Binding.bind(Json.parse(new String(invocation.payload(), StandardCharsets.UTF_8)), type);
        } catch (RuntimeException | ReflectiveOperationException e) {
            throw new RuntimeException("An error occurred during JSON parsing", e);
        }
    }

    private static byte[] written(Object answer) {
        try {
            return Json.write(Binding.unbind(answer)).getBytes(StandardCharsets.UTF_8);
        } catch (RuntimeException | ReflectiveOperationException e) {
            throw new RuntimeException("An error occurred during JSON serialization of response", e);
        }
    }

    private static Object instantiate(Class<?> type) {
        try {
            return type.getConstructor().newInstance();
        } catch (InvocationTargetException e) {
            Throwable thrown = e.getCause() == null ? e : e.getCause();
            String message = thrown.getLocalizedMessage();
            throw UserFault.fatal(message == null ? thrown.getClass().getName() : message, thrown);
        } catch (NoSuchMethodException e) {
            boolean inner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
            throw UserFault.of("Class " + type.getName() + (inner
                    ? " cannot be instantiated because it is a non-static inner class"
                    : " has no public zero-argument constructor"), new Exception(e));
        } catch (ReflectiveOperationException e) {
            throw UserFault.of(String.valueOf(e.getMessage()), e);
        }
    }
}
