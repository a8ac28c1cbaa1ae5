#include "protocol/live/http_poster.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

namespace mqttlab::live {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::size_t most_body_bytes = 64 << 10;

struct Plain {
  explicit Plain(const HttpTarget&) {}
  using Stream = Tcp::socket;
  std::unique_ptr<Stream> open(asio::io_context& io) { return std::make_unique<Stream>(io); }
  static Tcp::socket& socket(Stream& stream) { return stream; }
  template <typename Then>
  static void shake_hands(Stream&, Then then) {
    then(Error());
  }
};

class Secure {
 public:
  explicit Secure(const HttpTarget& target) : host_(target.host) {
    context_.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    context_.set_verify_mode(asio::ssl::verify_peer);
    context_.set_verify_callback(asio::ssl::host_name_verification(host_));
    Error error;
    if (target.ca_pem.empty())
      context_.set_default_verify_paths(error);
    else
      context_.add_certificate_authority(asio::buffer(target.ca_pem), error);
    if (error)
      throw std::invalid_argument("the authorities for https://" + host_ +
                                  " cannot be read as PEM: " + error.message());
  }
  using Stream = asio::ssl::stream<Tcp::socket>;
  std::unique_ptr<Stream> open(asio::io_context& io) {
    auto stream = std::make_unique<Stream>(io, context_);
    SSL_set_tlsext_host_name(stream->native_handle(), host_.c_str());
    return stream;
  }
  static Tcp::socket& socket(Stream& stream) { return stream.next_layer(); }
  template <typename Then>
  static void shake_hands(Stream& stream, Then then) {
    stream.async_handshake(Stream::client, std::move(then));
  }

 private:
  std::string host_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
};

// Each handler holds the poster, and knows by the number of the attempt whether it still counts. It
// holds the link, too: what Asio and Beast have begun on one goes on to its end, counting or not.
template <typename Layer>
class Poster final : public HttpPoster, public std::enable_shared_from_this<Poster<Layer>> {
 public:
  Poster(asio::io_context& io, const HttpTarget& target)
      : io_(io), target_(target), layer_(target), resolver_(io), timer_(io) {}

  void post(std::string json, Done done) override {
    json_ = std::move(json);
    done_ = std::move(done);
    timer_.expires_after(std::chrono::nanoseconds(target_.timeout));
    timer_.async_wait([self = this->shared_from_this(), post = ++post_](const Error& error) {
      if (!error && post == self->post_) self->finish({0, {}, "no answer in time"});
    });
    reused_ = link_ != nullptr;
    reused_ ? write() : resolve();
  }

  void close() override {
    done_ = nullptr;
    timer_.cancel();
    drop();
  }

 private:
  struct Link {
    explicit Link(std::unique_ptr<typename Layer::Stream> made) : stream(std::move(made)) {}
    std::unique_ptr<typename Layer::Stream> stream;
    http::request<http::string_body> request;
    boost::beast::flat_buffer buffer;
    std::optional<http::response_parser<http::string_body>> parser;
  };

  /// `then(more...)` unless there is an error, or the attempt has been given up.
  template <typename Then>
  auto step(const char* what, Then then) {
    return [self = this->shared_from_this(), link = link_, what, then, attempt = attempt_](
               const Error& error, auto&&... more) {
      if (attempt != self->attempt_) return;
      if (!error) return then(more...);
      const bool again = std::exchange(self->reused_, false);
      self->drop();
      if (again) return self->resolve();
      self->finish({0, {}, std::string(what) + ": " + error.message()});
    };
  }

  void resolve() {
    resolver_.async_resolve(
        target_.host, target_.port, step("cannot find the host", [this](const auto& found) {
          link_ = std::make_shared<Link>(layer_.open(io_));
          asio::async_connect(Layer::socket(*link_->stream), found,
                              step("cannot connect", [this](const auto&) { connected(); }));
        }));
  }

  void connected() {
    Layer::socket(*link_->stream).set_option(Tcp::no_delay(true));
    Layer::shake_hands(*link_->stream, step("TLS", [this] { write(); }));
  }

  void write() {
    auto& request = link_->request = {http::verb::post, target_.path, 11};
    request.set(http::field::host, target_.authority);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, "application/json");
    request.body() = json_;
    request.prepare_payload();
    http::async_write(*link_->stream, request,
                      step("cannot write", [this](std::size_t) { read(); }));
  }

  void read() {
    auto& parser = link_->parser.emplace();
    parser.body_limit(most_body_bytes);
    http::async_read(*link_->stream, link_->buffer, parser, step("no answer", [this](std::size_t) {
      auto response = link_->parser->release();
      if (!response.keep_alive()) drop();
      finish({response.result_int(), std::move(response.body()), {}});
    }));
  }

  void drop() {
    ++attempt_;
    resolver_.cancel();
    if (!link_) return;
    Error ignored;
    Layer::socket(*link_->stream).close(ignored);
    link_.reset();
  }

  void finish(HttpReply reply) {
    if (reply.status == 0) drop();
    ++post_;
    timer_.cancel();
    json_.clear();
    if (const Done done = std::exchange(done_, nullptr)) done(std::move(reply));
  }

  asio::io_context& io_;
  const HttpTarget& target_;
  Layer layer_;
  Tcp::resolver resolver_;
  asio::steady_timer timer_;
  std::shared_ptr<Link> link_;
  bool reused_ = false;
  unsigned attempt_ = 0, post_ = 0;
  std::string json_;
  Done done_;
};

}  // namespace

std::shared_ptr<HttpPoster> HttpPoster::make(asio::io_context& io, const HttpTarget& target) {
  if (target.secure) return std::make_shared<Poster<Secure>>(io, target);
  return std::make_shared<Poster<Plain>>(io, target);
}

}  // namespace mqttlab::live
