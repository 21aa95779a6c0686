package com.amazonaws.services.lambda.runtime.logging;

/** Severity of a log message. */
public enum LogLevel {
    UNDEFINED,
    TRACE,
    DEBUG,
    INFO,
    WARN,
    ERROR,
    FATAL
}
