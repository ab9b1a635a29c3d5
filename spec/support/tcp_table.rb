# frozen_string_literal: true

# What the kernel knows of loopback TCP connections (/proc/net/tcp): what is on its way, and who has ended his side.
module TcpTable
  # One end of a connection.
  #
  # @!attribute state [Symbol, nil] :established, :close_wait (the peer has ended its side)…; nil for one that is not named here
  # @!attribute unsent [Integer] bytes that were written and not acknowledged yet
  # @!attribute unread [Integer] bytes that have come and were not read yet
  End = Struct.new(:state, :unsent, :unread)

  # The kernel's numbers of states (include/net/tcp_states.h).
  STATES = { 1 => :established, 4 => :fin_wait1, 5 => :fin_wait2, 8 => :close_wait, 9 => :last_ack }.freeze

  module_function

  # @param client [RawClient] connected to 127.0.0.1
  # @return [End, nil] the server's end of its connection; nil if there is none
  def server_end(client)
    find(client.socket.remote_address.ip_port, client.socket.local_address.ip_port)
  end

  # @param client [RawClient] connected to 127.0.0.1
  # @return [End, nil] its own end
  def client_end(client)
    find(client.socket.local_address.ip_port, client.socket.remote_address.ip_port)
  end

  # @param local [Integer] port
  # @param remote [Integer] port
  # @return [End, nil]
  def find(local, remote)
    pattern = format("^ *\\d+: \\h{8}:%<local>04X \\h{8}:%<remote>04X (\\h+) (\\h+):(\\h+)", local: local, remote: remote)
    state, unsent, unread = File.read("/proc/net/tcp").match(Regexp.new(pattern))&.captures&.map(&:hex)
    state && End.new(STATES[state], unsent, unread)
  end
end
