package lambdock.runtime;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Where a function's classes are: its folder, the jars in its lib folder, the jars of layers. */
final class FunctionClassLoader {
    private FunctionClassLoader() {
    }

    /** Makes the loader the thread's own too, for libraries that look there. */
    static ClassLoader install() throws MalformedURLException {
        File task = new File(System.getProperty("user.dir"));
        List<URL> places = new ArrayList<>();
        places.add(task.toURI().toURL());
        addJars(new File(task, "lib"), places);
        addJars(new File("/opt/java/lib"), places);
        ClassLoader loader =
                new URLClassLoader(places.toArray(URL[]::new), FunctionClassLoader.class.getClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        return loader;
    }

    /** In the order of their names, so that it is the same everywhere. */
    private static void addJars(File folder, List<URL> places) throws MalformedURLException {
        File[] jars = folder.listFiles((parent, name) -> name.endsWith(".jar"));
        if (jars == null) {
            return;
        }
        Arrays.sort(jars);
        for (File jar : jars) {
            places.add(jar.toURI().toURL());
        }
    }
}
