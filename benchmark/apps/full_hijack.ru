# frozen_string_literal: true

# A full hijack: the application writes the whole response to the socket and closes it.
RESPONSE = "HTTP/1.1 200 OK\r\n" \
           "content-type: text/plain\r\n" \
           "content-length: 14\r\n" \
           "connection: close\r\n" \
           "\r\n" \
           "Hello, world!\n"

run lambda { |env|
  io = env["rack.hijack"].call
  io.write(RESPONSE)
  io.close
  [-1, {}, []]
}
