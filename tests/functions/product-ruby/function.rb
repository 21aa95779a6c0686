# frozen_string_literal: true

require 'json'

def handler(event:, context:)
  numbers = JSON.parse(event['body'])
  first = numbers['num1']
  second = numbers['num2']
  puts "multiplying for #{context.aws_request_id}"
  { statusCode: 200, body: "The product of #{first} and #{second} is #{first.to_i * second.to_i}" }
end

def failing(event:, context:)
  raise ArgumentError, "no product of #{event['body']}"
end
