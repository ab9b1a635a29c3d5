# frozen_string_literal: true

# A full hijack: the socket of the connection, for a protocol of the application's own. This one sends each line back.
#
#   penstock examples/full_hijack.ru
#   ruby -rsocket -e '
#     socket = TCPSocket.new("127.0.0.1", 9292)
#     socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello\n")
#     socket.close_write
#     puts socket.read'

# The whole head is the application's to write.
head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"

run(lambda do |env|
  unless env["HTTP_UPGRADE"] == "echo"
    next [426, { "content-type" => "text/plain", "connection" => "upgrade", "upgrade" => "echo" }, ["Ask for an upgrade to echo.\n"]]
  end

  socket = env["rack.hijack"].call
  # A thread of the application; the one of the server is free once this lambda has returned.
  Thread.new do
    socket.write(head)
    while (line = socket.gets)
      socket.write(line)
    end
  rescue SystemCallError, IOError
    # The client has left.
  ensure
    socket.close
  end
  [-1, {}, []] # Ignored after a full hijack.
end)
