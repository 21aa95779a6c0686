# frozen_string_literal: true

# Lambda's Runtime API for Ruby handlers. Behaves as AWS's runtime interface client for Ruby does: the same handler
# forms, the same keyword arguments, the same error types (Function<…>, Init<…>) and the same fate of the process.

require 'json'
require 'net/http'
require 'stringio'
require_relative 'lambda_context'
require_relative 'lambda_handler'
require_relative 'lambda_failure'
require_relative 'runtime_api'

$stdout.sync = true

# Loads the handler, then serves invocations until the process has to end.
class LambdaRuntime
  INIT_FAILED = -4
  CRITICAL = -1
  UNANSWERED = -2

  # Headline of what ends the process, as in AWS's client: the code is not what it takes itself for.
  CRITICAL_EXCEPTION = 'Critical exception from handler'

  def initialize(api, handler_name)
    @api = api
    @handler_name = handler_name
  end

  # Returns the process's exit code.
  def run
    handler = begin
      LambdaHandler.load(@handler_name)
    rescue Exception => e # anything that the function's file raises, SyntaxError and LoadError included
      return fail_init(e)
    end
    loop do
      code = serve(handler, @api.next_invocation)
      return code if code
    end
  rescue RuntimeApi::Unreachable => e
    warn e.message
    UNANSWERED
  end

  private

  # Nil to go on, else the exit code.
  def serve(handler, invocation)
    ENV['_X_AMZN_TRACE_ID'] = invocation['Lambda-Runtime-Trace-Id'] if invocation['Lambda-Runtime-Trace-Id']
    context = LambdaContext.new(invocation)
    body, content_type = handler.call(event: event_of(invocation), context: context)
    @api.respond(context.aws_request_id, body, content_type)
    nil
  rescue RuntimeApi::Unreachable
    raise
  rescue NameError => e # a NoMethodError is one
    report(invocation, e, CRITICAL_EXCEPTION)
    CRITICAL
  rescue StandardError => e
    report(invocation, e, 'Error raised from handler method')
    nil
  rescue Exception => e # SystemExit, SystemStackError, NoMemoryError, …
    report(invocation, e, CRITICAL_EXCEPTION)
    CRITICAL
  end

  # The payload is JSON if it says so, else the handler gets it as it is.
  def event_of(invocation)
    return invocation.body unless invocation['Content-Type'] == 'application/json'

    JSON.parse(invocation.body)
  end

  def report(invocation, exception, headline)
    failure = LambdaFailure.new(exception, 'Function')
    log(headline, failure)
    @api.fail_invocation(invocation['Lambda-Runtime-Aws-Request-Id'], failure)
  end

  def fail_init(exception)
    failure = LambdaFailure.new(exception, 'Init')
    log("Init error when loading handler #{@handler_name}", failure)
    @api.fail_init(failure)
    INIT_FAILED
  end

  def log(headline, failure)
    puts headline
    puts JSON.pretty_generate(failure.to_h)
  end
end

if $PROGRAM_NAME == __FILE__
  handler_name = ENV.fetch('_HANDLER') { abort 'No handler specified, exiting.' }
  exit(LambdaRuntime.new(RuntimeApi.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API')), handler_name).run)
end
