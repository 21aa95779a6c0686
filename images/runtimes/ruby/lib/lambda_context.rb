# frozen_string_literal: true

# What a handler is told about its invocation.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :tenant_id, :client_context, :deadline_ms

  def initialize(invocation)
    @aws_request_id = invocation['Lambda-Runtime-Aws-Request-Id']
    @invoked_function_arn = invocation['Lambda-Runtime-Invoked-Function-Arn']
    @deadline_ms = invocation['Lambda-Runtime-Deadline-Ms'].to_i
    @identity = json(invocation['Lambda-Runtime-Cognito-Identity'])
    @client_context = json(invocation['Lambda-Runtime-Client-Context'])
    @tenant_id = invocation['Lambda-Runtime-Aws-Tenant-Id']
    @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
  end

  def get_remaining_time_in_millis
    [@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
  end

  private

  def json(text)
    JSON.parse(text) unless text.to_s.empty?
  end
end
