# frozen_string_literal: true

require "protocol/hpack"

# The wire of HTTP/2 as specs need it (RFC 9113 section 4): bytes that a spec may spoil as it likes.
module Http2
  # What a client sends first.
  PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

  # Types of frames, by their numbers.
  TYPES = %i[data headers priority rst_stream settings push_promise ping goaway window_update continuation].freeze

  # Flags.
  END_STREAM = 0x1
  ACK = 0x1
  END_HEADERS = 0x4

  # Settings.
  SETTINGS = { header_table_size: 1, enable_push: 2, max_concurrent_streams: 3, initial_window_size: 4, max_frame_size: 5,
               max_header_list_size: 6, enable_connect_protocol: 8 }.freeze

  # Error codes, by their numbers.
  ERRORS = %i[no_error protocol_error internal_error flow_control_error settings_timeout stream_closed frame_size_error
              refused_stream cancel compression_error connect_error enhance_your_calm inadequate_security http_1_1_required].freeze

  # One frame.
  #
  # @!attribute type [Symbol, Integer] of {TYPES}, or the number of an unknown one
  # @!attribute flags [Integer]
  # @!attribute stream [Integer]
  # @!attribute payload [String]
  Frame = Struct.new(:type, :flags, :stream, :payload) do
    # @return [String] its bytes
    def bytes
      number = type.is_a?(Symbol) ? TYPES.index(type) : type
      [payload.bytesize].pack("N").byteslice(1, 3) + [number, flags, stream].pack("CCN") + payload.b
    end

    # @param flag [Integer]
    def flag?(flag)
      flags.anybits?(flag)
    end
  end

  module_function

  # @param values [Hash{Symbol, Integer => Integer}]
  # @return [String] the payload of a SETTINGS frame
  def settings(values)
    values.map { |name, value| [SETTINGS.fetch(name, name), value].pack("nN") }.join
  end

  # @param fields [Array<Array(String, String)>] in their order, pseudo-header fields too
  # @return [String] a header block that refers to no other
  def block(fields)
    Protocol::HPACK::Compressor.new("".b, Protocol::HPACK::Context.new(**Protocol::HPACK::NAIVE)).encode(fields)
  end
end
