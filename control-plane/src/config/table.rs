//! Pure: the list of variables.

/// One variable, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Without LocalStack's prefix, unless it is part of the name.
    pub name: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn variable(name: &'static str, default: &'static str, about: &'static str) -> Variable {
    Variable { name, default, about }
}

/// Every variable that Lambdock reads.
pub const VARIABLES: &[Variable] = &[
    variable(
        "GATEWAY_LISTEN",
        "127.0.0.1:4566, in a container 0.0.0.0:4566",
        "Addresses the API listens on, separated by commas.",
    ),
    variable(
        "LOCALSTACK_HOST",
        "localhost.localstack.cloud:<port>",
        "Host, and port if it differs, in URLs that clients are given.",
    ),
    variable(
        "PERSISTENCE",
        "0",
        "1: functions, their code, asynchronous invocations and durable executions survive a restart, in LAMBDOCK_STATE_DIR.",
    ),
    variable(
        "LAMBDOCK_STATE_DIR",
        "$XDG_STATE_HOME/lambdock or ~/.local/state/lambdock, in a container /var/lib/lambdock",
        "Folder for the store and the code archives.",
    ),
    variable(
        "LAMBDOCK_SHUTDOWN_GRACE",
        "10",
        "Seconds that invocations in flight may take to finish when Lambdock is asked to stop.",
    ),
    variable(
        "EXTRA_CORS_ALLOWED_ORIGINS",
        "",
        "Origins of web pages that may use the API besides those of this machine, separated by commas.",
    ),
    variable("EXTRA_CORS_ALLOWED_HEADERS", "", "More headers that such pages may send."),
    variable("EXTRA_CORS_EXPOSE_HEADERS", "", "More headers that such pages may read."),
    variable("DISABLE_CORS_HEADERS", "0", "1: browsers are not told that a page may use the API."),
    variable("DISABLE_CORS_CHECKS", "0", "1: any web page may use the API, under any host name."),
    variable(
        "LAMBDOCK_ALLOWED_HOSTS",
        "",
        "Host names by which browsers reach the API, with all below them, separated by commas; for names with a dot that \
         are not of this machine, of its containers or LOCALSTACK_HOST.",
    ),
    variable(
        "AWS_ENDPOINT_URL",
        "",
        "Where calls of other services than Lambda are passed on to, such as a moto server. \
         AWS_ENDPOINT_URL_<SERVICE>, as the SDKs know it, is for one service alone.",
    ),
    variable("DOCKER_HOST", "the first engine found", "The container engine: unix:///path, tcp://host:port."),
    variable("DOCKER_SOCK", "/var/run/docker.sock", "The engine's socket, where DOCKER_HOST is not set."),
    variable(
        "DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS",
        "60",
        "Whole seconds that the engine has to answer a request, but for pulls of images.",
    ),
    variable(
        "LAMBDA_RUNTIME_IMAGE_MAPPING",
        "public.ecr.aws/lambda/…",
        "Images that run functions: a name with <runtime> in it, or a JSON object from runtimes to images.",
    ),
    variable("DOCKER_GLOBAL_IMAGE_PREFIX", "", "Put before the name of every image that is pulled."),
    variable(
        "LAMBDA_KEEPALIVE_MS",
        "600000",
        "Milliseconds that an idle container is kept for the next invocation; 0: every invocation starts one.",
    ),
    variable(
        "LAMBDOCK_STANDBY_CONTAINERS",
        "3",
        "Containers at most that are started before a function needs one, so that cold starts are quick; 0: none. \
         Each takes some 20 MB. They are called `…-lambda-..standby-…` until a function has them, and have no label \
         `lambdock.function`. There are none where LAMBDA_DOCKER_FLAGS publishes ports, on the network of the \
         machine, and with LAMBDA_REMOVE_CONTAINERS=0.",
    ),
    variable(
        "LAMBDOCK_STANDBY_NETWORKS",
        "2",
        "Containers at most, besides those of LAMBDOCK_STANDBY_CONTAINERS, that are there for their networks, in which \
         others start in half the time: these have their host name and addresses from there. 0: none.",
    ),
    variable(
        "LAMBDOCK_CODE_VOLUMES",
        "1",
        "Code and layers of a megabyte or more are unpacked once into a volume of the engine, `lambdock-code-…`, which \
         the containers of the function see and cannot write to, as on AWS. 0: each container unpacks its own.",
    ),
    variable(
        "LAMBDOCK_MEMORY_RESERVE",
        "256",
        "Megabytes of memory that are to be left on the machine of the containers. With less, those that stand by end, \
         and those that wait for their next invocation, the ones that have waited longest first; provisioned ones \
         stay. 0: containers end by their keep-alive alone. Without effect on an engine that is reached over TCP.",
    ),
    variable(
        "BUCKET_MARKER_LOCAL",
        "hot-reload",
        "The S3Bucket that stands for none: S3Key then is a folder of the engine's machine, whose code runs as it is.",
    ),
    variable(
        "LAMBDA_RETRY_BASE_DELAY_SECONDS",
        "60",
        "Seconds until an asynchronous invocation that failed is tried again, 300 at most; the second time takes twice \
         as long.",
    ),
    variable("LAMBDA_RETRY_BASE_DELAY", "", "Another name of LAMBDA_RETRY_BASE_DELAY_SECONDS, which wins."),
    variable(
        "LAMBDOCK_EVENT_CONCURRENCY",
        "10",
        "Asynchronous invocations of one function that run at the same time, at most.",
    ),
    variable(
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT",
        "20",
        "Seconds that a container may take until it can be given an invocation. The init phases of provisioned \
         concurrency and SnapStart have 130 seconds or the function's timeout, as on AWS.",
    ),
    variable(
        "LAMBDA_REMOVE_CONTAINERS",
        "1",
        "0: stopped containers are kept, to look at their logs and files.",
    ),
    variable(
        "LAMBDA_DOCKER_NETWORK",
        "MAIN_DOCKER_NETWORK, else Lambdock's own network in a container, else the bridge",
        "Networks of function containers, separated by commas; the first is the main one.",
    ),
    variable(
        "MAIN_DOCKER_NETWORK",
        "",
        "Network of function containers where LAMBDA_DOCKER_NETWORK names none.",
    ),
    variable(
        "LAMBDA_DOCKER_FLAGS",
        "",
        "More flags for function containers, as for docker run: -e, --env-file, --compose-env-file, -v, -p, \
         --add-host, --network (--net), -l, --ulimit, -u, --platform, --privileged, --dns. --network stands for the \
         main network, and -u for LAMBDA_INIT_USER where that is not set.",
    ),
    variable("LAMBDA_DOCKER_DNS", "the engine's", "Name server of function containers."),
    variable(
        "LAMBDA_IGNORE_ARCHITECTURE",
        "0",
        "1: the engine chooses the platform, whatever the function's architecture is.",
    ),
    variable("MAIN_CONTAINER_NAME", "lambdock", "First part of the names of function containers."),
    variable(
        "HOSTNAME_FROM_LAMBDA",
        "found out",
        "Host name or address of Lambdock as function containers see it.",
    ),
    variable(
        "LAMBDOCK_UPLINK_LISTEN",
        "an address that only containers reach, any port",
        "Address and port that function containers dial back to.",
    ),
    variable(
        "LAMBDA_INIT_USER",
        "sbx_user1051",
        "User that functions run as inside their containers: a name or a number, and after a colon a group.",
    ),
    variable("LAMBDA_INIT_BIN_PATH", "built in", "Another init binary for function containers."),
    variable(
        "LOCALSTACK_INIT_LOG_LEVEL",
        "warn",
        "Log level inside function containers: trace, debug, info, warn, error, fatal, panic.",
    ),
    variable(
        "LAMBDA_DISABLE_AWS_ENDPOINT_URL",
        "0",
        "1: AWS_ENDPOINT_URL is not set for functions, so that their SDKs call AWS.",
    ),
    variable(
        "LAMBDA_SYNCHRONOUS_CREATE",
        "0",
        "1: CreateFunction answers when the function is Active or Failed, after 10 seconds at the latest.",
    ),
    variable(
        "LAMBDOCK_UPDATE_MS",
        "0",
        "Milliseconds that an update takes at least. On AWS it takes some time, and code that does not wait for it \
         fails there.",
    ),
    variable("LAMBDA_RUNTIME_VALIDATION", "0", "1: runtimes that AWS has retired are refused."),
    variable(
        "LAMBDOCK_RESERVED_VARIABLES",
        "0",
        "1: functions cannot set variables that AWS reserves, such as AWS_REGION; they are refused, as on AWS.",
    ),
    variable(
        "PARITY_AWS_ACCESS_KEY_ID",
        "0",
        "1: account ids are decoded from access keys that begin with AKIA or ASIA.",
    ),
    variable(
        "ENFORCE_IAM",
        "0",
        "1: function URLs are open only to those whom policies allow, and the signatures of URLs that ask for them \
         are verified.",
    ),
    variable(
        "AWS_ACCESS_KEY_ID",
        "the account's id",
        "Access key that calls of Lambdock's own to services at AWS_ENDPOINT_URL are signed with, if it is one of \
         AWS's: it begins with AKIA or ASIA.",
    ),
    variable(
        "AWS_SECRET_ACCESS_KEY",
        "test",
        "Its secret; also another secret than test that signatures may be made with, where they are verified.",
    ),
    variable("AWS_SESSION_TOKEN", "", "Session token that belongs to AWS_ACCESS_KEY_ID."),
    variable("LAMBDA_TRUNCATE_STDOUT", "2000", "Length at which functions' lines are cut on the console."),
    variable("LAMBDA_LIMITS_CODE_SIZE_ZIPPED", "52428800", "Largest archive in a request, in bytes."),
    variable(
        "LAMBDA_LIMITS_CODE_SIZE_UNZIPPED",
        "262144000",
        "Code must unpack to less than this, in bytes.",
    ),
    variable(
        "LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE",
        "70167211",
        "Largest CreateFunction request, in bytes.",
    ),
    variable(
        "LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES",
        "4096",
        "Largest environment of a function, as JSON, in bytes.",
    ),
    variable(
        "LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES",
        "6291556",
        "Largest answer of a function, in bytes.",
    ),
    variable(
        "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS",
        "1000",
        "Executions at the same time, in each account and region.",
    ),
    variable(
        "LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY",
        "100",
        "Concurrent executions that functions cannot reserve.",
    ),
    variable(
        "LAMBDA_LIMITS_TOTAL_CODE_SIZE",
        "80530636800",
        "All code of an account in a region, in bytes, as GetAccountSettings tells it.",
    ),
    variable(
        "LAMBDOCK_SCRIPTS_DIR",
        "/etc/localstack/init",
        "Folder with boot.d, start.d, ready.d and shutdown.d: executables there whose names end in .sh, and Python \
         scripts ending in .py, run at those stages. Their AWS_ENDPOINT_URL is Lambdock.",
    ),
    variable(
        "ENABLE_CONFIG_UPDATES",
        "0",
        "1: most settings can be changed while Lambdock runs, at /_localstack/config.",
    ),
    variable("DEBUG", "0", "1: log at debug level, functions' own output included."),
    variable("LS_LOG", "info", "Log level: trace, debug, info, warn, error; wins over DEBUG."),
];
