#include "protocol/live/dialer.h"

#include <utility>

#include "protocol/live/endpoint.h"

namespace mqttlab::live {
namespace {

std::string authority_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  return authority(endpoint.address().to_string(), endpoint.port());
}

CloseCause cause_of(const boost::system::error_code& error) {
  return error == boost::asio::error::timed_out || error == boost::asio::error::host_unreachable ||
                 error == boost::asio::error::network_unreachable
             ? CloseCause::timeout
             : CloseCause::reset;
}

}  // namespace

void Dialer::dial(const std::string& host, std::uint16_t port, Done done) {
  host_ = host;
  done_ = std::move(done);
  resolver_.async_resolve(
      host, std::to_string(port),
      [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error,
                                            const Tcp::resolver::results_type& found) {
        if (alive.expired()) return;
        if (error)
          return fail(CloseCause::timeout, "cannot find '" + host_ + "': " + error.message());
        found_ = found;
        next_ = found_.begin();
        try_next();
      });
}

void Dialer::try_next() {
  const auto address = next_++;
  socket_.async_connect(*address, [this, address, alive = std::weak_ptr(alive_)](
                                      const boost::system::error_code& error) {
    if (alive.expired()) return;
    if (!error) {
      socket_.set_option(Tcp::no_delay(true));
      socket_.native_non_blocking(true);
      own_address_ = authority_of(socket_.local_endpoint());
      return std::exchange(done_, nullptr)(socket_.release(), {}, "");
    }
    boost::system::error_code ignored;
    socket_.close(ignored);
    if (next_ != found_.end()) return try_next();
    fail(cause_of(error),
         "cannot connect to " + authority_of(address->endpoint()) + ": " + error.message());
  });
}

void Dialer::fail(CloseCause cause, const std::string& trouble) {
  std::exchange(done_, nullptr)(-1, cause, trouble);
}

}  // namespace mqttlab::live
