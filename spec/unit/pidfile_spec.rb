# frozen_string_literal: true

require "spec_helper"
require "penstock/pidfile"

RSpec.describe Penstock::Pidfile do
  let(:path) { File.join(temporary_folder, "server.pid") }
  let(:pidfile) { described_class.new(path) }

  it "has the id of this process while the block runs, and returns what it returns" do
    expect(pidfile.hold { File.read(path) }).to eq "#{Process.pid}\n"
    expect(File).not_to exist(path)
  end

  it "is removed when the block raises" do
    expect { pidfile.hold { raise IOError } }.to raise_error(IOError)
    expect(File).not_to exist(path)
  end

  it "is nothing without a path" do
    expect(described_class.new(nil).hold { :result }).to eq :result
  end

  it "refuses to take the place of a process that lives" do
    File.write(path, "#{Process.ppid}\n")
    expect { pidfile.hold { nil } }
      .to raise_error(Penstock::ConfigurationError, "pidfile: #{path} names the process #{Process.ppid}, which lives; " \
                                                    "stop it, or name another file")
    expect(File.read(path)).to eq "#{Process.ppid}\n"
  end

  it "takes a process for living that belongs to somebody else" do
    File.write(path, "1")
    allow(Process).to receive(:kill).with(0, 1).and_raise(Errno::EPERM)
    expect { pidfile.hold { nil } }.to raise_error(Penstock::ConfigurationError)
  end

  ended = Process.spawn("true").tap { |pid| Process.wait(pid) }
  { "a process that has ended" => ended, "this process, before the machine was started again" => Process.pid,
    "nothing" => "", "rubbish" => "x" }.each do |name, content|
    it "replaces a file that names #{name}" do
      File.write(path, "#{content}\n")
      expect(pidfile.hold { File.read(path) }).to eq "#{Process.pid}\n"
    end
  end

  it "leaves a file alone that another process has written since" do
    pidfile.hold { File.write(path, "1") }
    expect(File.read(path)).to eq "1"
  end

  it "does not mind that somebody has removed it" do
    expect { pidfile.hold { File.unlink(path) } }.not_to raise_error
  end

  it "says what to do about a file that it may not write" do
    expect { described_class.new("/no/such/folder/x.pid").hold { nil } }
      .to raise_error(Penstock::ConfigurationError, /\Apidfile: No such file .*; name a file that this user may write\z/)
  end
end
