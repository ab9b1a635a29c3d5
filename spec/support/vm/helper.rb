# frozen_string_literal: true

require "rbconfig"

# For the specs of how Penstock lives with Ruby's VM: programs of their own, and threads that wait inside of Penstock.
module VmHelper
  # What every program begins with: `start` starts a server and says where it listens.
  PRELUDE = <<~RUBY
    $stdout.sync = true
    require "penstock"

    def start(**settings, &app)
      server = Penstock::Server.new(app, bind: "tcp://127.0.0.1:0", environment: "test", **settings).start
      puts server.url
      server
    end
  RUBY

  # Words that no program may print: they tell of a crash or of a panic.
  CRASH = /\[BUG\]|panicked|SEGV|Segmentation|terminated with exception|fatal runtime|core dumped|deadlock/

  # Runs a program that calls `start`, and waits until it listens.
  #
  # @param source [String] Ruby
  # @param env [Hash{String => String}] variables
  # @return [ChildServer] ended after the example
  def run_program(source, env: {})
    path = File.join(temporary_folder, "program.rb")
    File.write(path, PRELUDE + source)
    child = ChildServer.new([RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", path], env: env)
    servers << child
    child.wait_until_ready
  end

  # Expects that a program ends by itself, with a status, and without a word of a crash.
  #
  # @param child [ChildServer]
  # @param status [Integer, nil] the exit status; nil: any
  # @return [String] what it printed
  def expect_clean_end(child, status: 0)
    ending = child.wait(10)
    expect(ending.signaled?).to be(false), "it was ended by signal #{ending.termsig}:\n#{child.output}"
    expect(ending.exitstatus).to eq(status), "it ended with status #{ending.exitstatus}:\n#{child.output}" if status
    expect(child.output).not_to match(CRASH)
    child.output
  end

  # Waits until a thread waits.
  #
  # @param thread [Thread]
  # @return [void]
  def await_sleep(thread)
    eventually { %w[sleep sleep_forever].include?(thread.status) }
  end
end
