# frozen_string_literal: true

# An exception in the shape that the Runtime API takes.
class LambdaFailure
  # Exceptions whose names may leave the function in the error type header.
  NAMED = %w[ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit
             SystemStackError].freeze
  OWN_FRAMES = %r{\A/var/runtime/lib}

  # Phase is 'Function' or 'Init'.
  def initialize(exception, phase)
    @class_name = exception.class.to_s
    @type = "#{phase}<#{@class_name}>"
    @message = exception.message
    @trace = (exception.backtrace_locations || []).first(100).map(&:to_s).take_while { |line| line !~ OWN_FRAMES }
  end

  # The value of the header Lambda-Runtime-Function-Error-Type.
  def header
    NAMED.include?(@class_name) ? @type : 'Function<UserException>'
  end

  def to_h
    { errorMessage: @message, errorType: @type, stackTrace: @trace }
  end
end
