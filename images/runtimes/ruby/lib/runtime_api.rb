# frozen_string_literal: true

# Requests to Lambda's Runtime API, version 2018-06-01, over one kept-alive connection.
class RuntimeApi
  # The API did not take or give what it should have.
  class Unreachable < StandardError; end

  # Longer than an environment may stay frozen between two invocations.
  WAIT_SECONDS = 1_000_000
  AGENT = "lambdock-ruby/#{RUBY_VERSION}"

  def initialize(address)
    host, port = address.split(':')
    @http = Net::HTTP.new(host, port.to_i)
    @http.read_timeout = WAIT_SECONDS
    @http.keep_alive_timeout = WAIT_SECONDS
    @http.max_retries = 0
  end

  # Blocks until there is one. The answer's headers and body are the invocation's.
  def next_invocation
    answer = send_request(Net::HTTP::Get.new('/2018-06-01/runtime/invocation/next'))
    return answer if answer.is_a?(Net::HTTPSuccess)

    raise Unreachable, "Received #{answer.code} when waiting for next invocation."
  end

  def respond(request_id, body, content_type)
    post("invocation/#{request_id}/response", body, 'Content-Type' => content_type)
  end

  def fail_invocation(request_id, failure)
    post("invocation/#{request_id}/error", failure.to_h.to_json, error_headers(failure))
  end

  def fail_init(failure)
    post('init/error', failure.to_h.to_json, error_headers(failure))
  end

  private

  def error_headers(failure)
    { 'Content-Type' => 'application/json', 'Lambda-Runtime-Function-Error-Type' => failure.header }
  end

  # What the API thinks of the body is its own affair: a refusal (too large, say) is already the invocation's end.
  def post(path, body, headers)
    request = Net::HTTP::Post.new("/2018-06-01/runtime/#{path}", headers)
    request.body = body
    send_request(request)
  end

  def send_request(request)
    request['User-Agent'] = AGENT
    @http.start unless @http.started?
    @http.request(request)
  rescue SystemCallError, IOError, Net::HTTPBadResponse => e
    raise Unreachable, "Runtime API: #{e.message}"
  end
end
