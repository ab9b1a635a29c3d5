# frozen_string_literal: true

require_relative "../../../benchmark/features/lib/report"

# benchmark/features/run writes the pages; it needs the other servers, which the specs do not have.
RSpec.describe Features::Report do
  it "says yes or no for each check and server, and what was seen" do
    peer = Struct.new(:title, :settings, :variants)
    check = Struct.new(:name, :title)
    outcome = Struct.new(:yes, :evidence)
    peers = [peer.new("One 1.0", "`-t 5`", nil), peer.new("Two 2.0", "`-t 5`", %w[-x])]
    outcomes = { check.new("gone", "Is it noticed") => peers.zip([outcome.new(true, "at once"), outcome.new(false, "never")]).to_h }
    report = described_class.new(peers, outcomes)
    expect(report).to have_attributes(
      table: "|  | One 1.0 | Two 2.0 |\n| --- | :-: | :-: |\n| Is it noticed | yes | no |",
      settings: "- One 1.0: `-t 5`\n- Two 2.0: `-t 5`; further: `-x`",
      evidence: "### Is it noticed\n\n`benchmark/features/run gone`\n\n- One 1.0: **yes**, at once\n- Two 2.0: **no**, never\n"
    )
  end

  it "reads what it has said" do
    peers = [Struct.new(:title).new("One 1.0"), Struct.new(:title).new("Two 2.0")]
    outcomes = { true => "**at** once: x", false => "never" }.map { |yes, evidence| Features::Outcome.new(yes: yes, evidence: evidence) }
    seen = peers.zip(outcomes).to_h
    check = Struct.new(:name, :title)
    text = described_class.new(peers, { check.new("gone", "Is it noticed") => seen, check.new("tls", "TLS: is it") => seen }).evidence
    said = seen.transform_keys(&:title)
    expect(described_class.read("# Head\n\n#{text}")).to eq("Is it noticed" => said, "TLS: is it" => said)
  end

  describe "the pages" do
    root = File.expand_path("../../..", __dir__)
    names = %w[bodies streams clients hijacks libraries process http2]
    checks = names.map { |name| File.join(root, "benchmark/features/checks/#{name}.rb") }
    readme = File.read(File.join(root, "README.md"))[/<!-- features: begin -->\n(.*)<!-- features: end -->/m, 1].to_s
    evidence = File.read(File.join(root, "benchmark/FEATURES.md"))

    # The table of servers in a text, with its head.
    def table(text) = text[/^\|  \| Penstock .*?(?=\n\n)/m].to_s.lines(chomp: true)

    # Its rows: title => cells.
    def rows(text)
      table(text).drop(2).to_h do |row|
        title, *cells = row.split("|").drop(1).map(&:strip)
        [title, cells]
      end
    end

    it "are not empty, and have the same table" do
      expect(table(readme)).to eq(table(evidence)).and(have_attributes(size: be > 2))
    end

    it "have one row for each check, in their order" do
      titles = checks.map { |path| File.read(path) }.join.scan(/^  check\("[\w-]+", "(.+?)"[,)]/).flatten
      expect(rows(readme).keys).to eq(titles)
    end

    it "say what was seen for each cell" do
      sections = evidence.split(/^### /).drop(1).to_h { |section| section.split("\n", 2) }
      expect(sections.transform_values { |text| text.scan(/^- .+?: \*\*(yes|no)\*\*, \S/).flatten }).to eq(rows(evidence))
    end
  end
end
