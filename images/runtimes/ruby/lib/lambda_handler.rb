# frozen_string_literal: true

# A function's handler: FILE.METHOD or FILE.CLASS.METHOD.
class LambdaHandler
  # Raises whatever loading the file raises.
  def self.load(name)
    parts = name.split('.')
    unless [2, 3].include?(parts.size)
      raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD " \
                           'where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an ' \
                           'optional module/class namespace and METHOD is a callable method. If using CLASS, ' \
                           'METHOD must be a class-level method.'
    end
    root = Dir.pwd
    $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
    file, *receiver, method = parts
    require file
    new(receiver.first, method)
  end

  def initialize(class_name, method)
    @class_name = class_name
    @method = method
  end

  # The answer's bytes and content type. A stream is handed on as it is, everything else becomes JSON. The class is
  # looked up at each call, as AWS's client does: an unknown one fails the invocation, not the start.
  def call(event:, context:)
    receiver = @class_name ? Kernel.const_get(@class_name) : self
    answer = receiver.__send__(@method, event: event, context: context)
    case answer
    when StringIO, IO then [answer.read, 'application/unknown']
    else [answer.to_json, 'application/json']
    end
  end
end
