package lambdock.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Between JSON values and the types of a handler: collections, numbers, enums, and classes with getters and setters. */
final class Binding {
    private Binding() {
    }

    /** A value of the given type. Members that the type does not have are left out. */
    static Object bind(Object value, Type type) throws ReflectiveOperationException {
        if (type instanceof ParameterizedType parameterized) {
            return bindTo((Class<?>) parameterized.getRawType(), parameterized.getActualTypeArguments(), value);
        } else if (type instanceof GenericArrayType array) {
            return array(value, array.getGenericComponentType(), Object.class);
        } else if (type instanceof Class<?> plain) {
            return plain.isArray()
                    ? array(value, plain.getComponentType(), plain.getComponentType())
                    : bindTo(plain, new Type[] {Object.class, Object.class}, value);
        }
        return value;
    }

    private static Object bindTo(Class<?> type, Type[] arguments, Object value) throws ReflectiveOperationException {
        if (value == null || type == Object.class) {
            return value;
        } else if (type == String.class && !(value instanceof Map || value instanceof List)) {
            return value.toString();
        } else if ((type == boolean.class || type == Boolean.class) && value instanceof Boolean) {
            return value;
        } else if (Number.class.isAssignableFrom(type) || type.isPrimitive()) {
            return number(new BigDecimal(value.toString()), type);
        } else if (type.isEnum() && value instanceof String) {
            return type.getMethod("valueOf", String.class).invoke(null, value);
        } else if (value instanceof Map<?, ?> members) {
            return Map.class.isAssignableFrom(type) || type.isInstance(value)
                    ? map(members, arguments[arguments.length - 1])
                    : bean(members, type);
        } else if (value instanceof List<?> items && type.isAssignableFrom(ArrayList.class)) {
            return collect(items, arguments[0], new ArrayList<>());
        } else if (value instanceof List<?> items && type.isAssignableFrom(LinkedHashSet.class)) {
            return collect(items, arguments[0], new LinkedHashSet<>());
        }
        throw new IllegalArgumentException("Cannot deserialize instance of `" + type.getName() + "` out of "
                + value.getClass().getSimpleName());
    }

    private static Object number(BigDecimal value, Class<?> type) {
        return switch (type.getSimpleName()) {
            case "int", "Integer" -> value.intValue();
            case "long", "Long" -> value.longValue();
            case "double", "Double" -> value.doubleValue();
            case "float", "Float" -> value.floatValue();
            case "short", "Short" -> value.shortValue();
            case "byte", "Byte" -> value.byteValue();
            case "BigInteger" -> value.toBigInteger();
            default -> value;
        };
    }

    private static Map<String, Object> map(Map<?, ?> members, Type type) throws ReflectiveOperationException {
        Map<String, Object> map = new LinkedHashMap<>();
        for (Map.Entry<?, ?> member : members.entrySet()) {
            map.put(member.getKey().toString(), bind(member.getValue(), type));
        }
        return map;
    }

    private static <C extends Collection<Object>> C collect(List<?> items, Type type, C into)
            throws ReflectiveOperationException {
        for (Object item : items) {
            into.add(bind(item, type));
        }
        return into;
    }

    private static Object array(Object value, Type type, Class<?> component) throws ReflectiveOperationException {
        List<?> items = (List<?>) value;
        Object array = Array.newInstance(component, items.size());
        for (int i = 0; i < items.size(); i++) {
            Array.set(array, i, bind(items.get(i), type));
        }
        return array;
    }

    private static Object bean(Map<?, ?> members, Class<?> type) throws ReflectiveOperationException {
        Object bean = type.getConstructor().newInstance();
        for (Method method : type.getMethods()) {
            String name = property(method, "set");
            if (name != null && method.getParameterCount() == 1 && members.containsKey(name)) {
                method.invoke(bean, bind(members.get(name), method.getGenericParameterTypes()[0]));
            }
        }
        return bean;
    }

    /** The other way round: what Json can write. */
    static Object unbind(Object value) throws ReflectiveOperationException {
        if (value == null || value instanceof String || value instanceof Boolean || value instanceof Integer
                || value instanceof Long || value instanceof Double || value instanceof Float
                || value instanceof Short || value instanceof Byte || value instanceof BigDecimal
                || value instanceof BigInteger) {
            return value;
        } else if (value instanceof Enum<?> || value instanceof Character || value instanceof CharSequence) {
            return value.toString();
        } else if (value instanceof Map<?, ?> members) {
            Map<String, Object> map = new LinkedHashMap<>();
            for (Map.Entry<?, ?> member : members.entrySet()) {
                map.put(String.valueOf(member.getKey()), unbind(member.getValue()));
            }
            return map;
        } else if (value instanceof Iterable<?> items) {
            List<Object> list = new ArrayList<>();
            for (Object item : items) {
                list.add(unbind(item));
            }
            return list;
        } else if (value.getClass().isArray()) {
            List<Object> list = new ArrayList<>();
            for (int i = 0; i < Array.getLength(value); i++) {
                list.add(unbind(Array.get(value, i)));
            }
            return list;
        }
        Map<String, Object> map = new LinkedHashMap<>();
        for (Method method : value.getClass().getMethods()) {
            String name = property(method, "get");
            name = name == null ? property(method, "is") : name;
            if (name != null && method.getParameterCount() == 0 && !HIDDEN.contains(method.getName())) {
                map.put(name, unbind(method.invoke(value)));
            }
        }
        return map;
    }

    private static final Set<String> HIDDEN = Set.of("getClass", "getDeclaringClass");

    /** The property that an accessor is for; null if it is none. */
    private static String property(Method method, String prefix) {
        String name = method.getName();
        if (Modifier.isStatic(method.getModifiers()) || !name.startsWith(prefix) || name.length() == prefix.length()) {
            return null;
        }
        return Character.toLowerCase(name.charAt(prefix.length())) + name.substring(prefix.length() + 1);
    }
}
