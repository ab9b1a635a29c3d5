# frozen_string_literal: true

require "spec_helper"
require "penstock/open_files"

RSpec.describe Penstock::OpenFiles do
  it "raises the soft limit to the hard one" do
    allow(Process).to receive_messages(getrlimit: [1024, 4096], setrlimit: nil)
    expect(described_class.raise_limit).to eq 4096
    expect(Process).to have_received(:setrlimit).with(:NOFILE, 4096, 4096)
  end

  it "changes nothing where they are the same" do
    allow(Process).to receive_messages(getrlimit: [4096, 4096], setrlimit: nil)
    expect(described_class.raise_limit).to eq 4096
    expect(Process).not_to have_received(:setrlimit)
  end

  it "keeps the soft limit where the system refuses" do
    allow(Process).to receive(:getrlimit).and_return([1024, Process::RLIM_INFINITY])
    allow(Process).to receive(:setrlimit).and_raise(Errno::EINVAL)
    expect(described_class.raise_limit).to eq 1024
  end
end
