#include "protocol/transport/tls_filter.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/transport/tls_words.h"

namespace mqttlab {
namespace {

constexpr std::size_t record_bytes = SSL3_RT_MAX_PLAIN_LENGTH;

/// What the first byte of a stream shows; empty if TLS may begin with it.
std::string not_tls(std::uint8_t first, bool from_client) {
  constexpr std::uint8_t connect = 0x10, connack = 0x20;
  if (first == SSL3_RT_HANDSHAKE || (first == SSL3_RT_ALERT && !from_client)) return {};
  if (first == (from_client ? connect : connack)) return "not TLS: the other end speaks plain MQTT";
  if (first >= 'A' && first <= 'Z') return "not TLS: the other end speaks plain HTTP";
  return "not TLS: the first byte is " + std::to_string(first);
}

/// The front of the pieces as one block of at most a record, in `scratch` if it must be.
Bytes gather(std::span<const Bytes> pieces, std::span<std::uint8_t, record_bytes> scratch) {
  if (pieces.size() == 1 || pieces.front().size() >= record_bytes)
    return pieces.front().first(std::min(pieces.front().size(), record_bytes));
  std::size_t size = 0;
  for (const Bytes& piece : pieces) {
    const std::size_t part = std::min(piece.size(), record_bytes - size);
    std::copy_n(piece.begin(), part, scratch.begin() + static_cast<std::ptrdiff_t>(size));
    size += part;
  }
  return scratch.first(size);
}

}  // namespace

TlsFilter::TlsFilter(std::shared_ptr<const TlsContext> context, Establish establish, Time now,
                     const std::string& server_name)
    : context_(std::move(context)),
      ssl_(context_->connection(server_name)),
      establish_(std::move(establish)),
      handshake_due_(now + context_->settings().handshake_timeout) {
  BIO* const bio = records_.make_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  const TlsSettings& settings = context_->settings();
  int mode = SSL_VERIFY_NONE;
  if (context_->is_server() ? settings.client_certificate != ClientCertificate::none
                            : !settings.insecure)
    mode |= SSL_VERIFY_PEER;
  if (settings.client_certificate == ClientCertificate::required)
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_set_verify(ssl_.get(), mode, mode == SSL_VERIFY_NONE ? nullptr : judge);
  pump(now);
}

TlsFilter::~TlsFilter() = default;

std::span<std::uint8_t> TlsFilter::space() {
  if (state_ == State::over) return {};
  // What the inner Peer has no room for waits here, and all that comes behind it in the transport.
  if (state_ == State::open && (!records_.unread().empty() || SSL_pending(ssl_.get()) > 0))
    return {};
  return records_.space();
}

void TlsFilter::received(std::size_t n, Time now) {
  const bool first = state_ == State::handshaking && records_.read_bytes() == 0;
  records_.received(n);
  if (first && n > 0) {
    if (std::string words = not_tls(records_.unread().front(), context_->is_server());
        !words.empty())
      fail(std::move(words), now);
  }
  pump(now);
}

std::size_t TlsFilter::pending(std::span<Bytes> pieces) const {
  const Bytes unsent = records_.unsent();
  if (unsent.empty() || pieces.empty()) return 0;
  pieces[0] = unsent;
  return 1;
}

void TlsFilter::sent(std::size_t n, Time now) {
  records_.sent(n);
  pump(now);
}

void TlsFilter::advance(Time now) {
  if (!established_ && now >= handshake_due_) {
    // A stranger that takes nothing, not even the refusal, is not waited for either.
    if (state_ == State::handshaking)
      fail("the other end has not finished the TLS handshake in time", now);
    records_.drop_unsent();
    handshake_due_ = never;
  }
  if (inner_) inner_->advance(now);
  pump(now);
}

Time TlsFilter::deadline() const {
  if (inner_) return inner_->deadline();
  return established_ || state_ == State::over ? never : handshake_due_;
}

void TlsFilter::closed(CloseCause cause, Time now) {
  if (state_ == State::open && cause != CloseCause::local) read(now);
  if (state_ == State::handshaking && cause != CloseCause::local)
    failure_ = "the other end closed during the TLS handshake";
  const bool cut = state_ == State::open && cause == CloseCause::fin;
  state_ = State::over;
  end_inner(cut ? CloseCause::reset : cause, now);
  records_.drop_unread();
  records_.drop_unsent();
}

std::string_view TlsFilter::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

// What is read may be answered, and what is written may make room to read again.
void TlsFilter::pump(Time now) {
  if (state_ == State::handshaking) shake_hands(now);
  for (bool wrote = true; wrote && state_ == State::open;) {
    read(now);
    wrote = state_ == State::open && write(now);
  }
  // Closing a socket with unread bytes would reset it, and the reset could overtake what was said.
  if (state_ == State::closing) records_.drop_unread();
}

void TlsFilter::shake_hands(Time now) {
  if (const auto& unix_offset = context_->settings().unix_offset)
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl_.get()), (unix_offset() + now) / second);
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    establish(now);
  } else if (SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) {
    fail(words_of_last_error(), now);
  } else if (records_.read_bytes() > most_handshake_bytes) {
    fail("the other end's TLS handshake is too long", now);
  }
}

void TlsFilter::establish(Time now) {
  state_ = State::open;
  established_ = true;
  const Establish establish = std::exchange(establish_, nullptr);
  inner_ = establish({.certificate = std::exchange(identity_, {})}, now);
  if (!inner_) say_goodbye();
}

void TlsFilter::read(Time now) {
  // Answers to what TLS itself asks for are bounded as well: an end that takes none is not read.
  while (records_.unsent().size() < 2 * enough_out_bytes + record_bytes) {
    if (records_.unread().empty() && SSL_pending(ssl_.get()) == 0) return;
    const auto room = inner_->space();
    if (room.empty()) return;
    std::size_t n = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(ssl_.get(), room.data(), room.size(), &n);
    if (done == 1) {
      inner_->received(n, now);
      continue;
    }
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        return;
      case SSL_ERROR_ZERO_RETURN:
        say_goodbye();
        return end_inner(CloseCause::fin, now);
      default:
        return fail(words_of_last_error(), now);
    }
  }
}

bool TlsFilter::write(Time now) {
  bool wrote = false;
  while (records_.unsent().size() < enough_out_bytes) {
    std::array<Bytes, 64> pieces;
    std::array<std::uint8_t, record_bytes> scratch;  // not initialised: gather() fills what counts
    const std::size_t count = inner_->pending(pieces);
    if (count == 0) {
      if (inner_->finished()) say_goodbye();
      return wrote;
    }
    const Bytes record = gather(std::span(pieces).first(count), scratch);
    std::size_t n = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl_.get(), record.data(), record.size(), &n) != 1) {
      fail(words_of_last_error(), now);
      return wrote;
    }
    carried_bytes_ += n;
    inner_->sent(n, now);
    wrote = true;
  }
  return wrote;
}

void TlsFilter::say_goodbye() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  state_ = State::closing;
}

void TlsFilter::fail(std::string what, Time now) {
  if (failure_.empty()) failure_ = std::move(what);
  state_ = State::closing;
  end_inner(CloseCause::reset, now);
}

void TlsFilter::end_inner(CloseCause cause, Time now) {
  if (Peer* const inner = std::exchange(inner_, nullptr)) inner->closed(cause, now);
}

std::string TlsFilter::words_of_last_error() const {
  std::string words = failure_.empty() ? words_of_failure() : failure_;
  ERR_clear_error();
  return words;
}

// OpenSSL calls it for each certificate of the other end's chain, from the authority's down.
int TlsFilter::judge(int good, X509_STORE_CTX* chain) {
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& filter = *static_cast<TlsFilter*>(SSL_get_app_data(ssl));
  const X509* const certificate = X509_STORE_CTX_get_current_cert(chain);
  const bool server = filter.context_->is_server();
  const char* const whose = server ? "the client's certificate" : "the server's certificate";
  const auto subject = [&] {
    return certificate ? " (" + identity_of(certificate, CertificateIdentity::subject) + ")" : "";
  };
  if (!good) {
    const int error = X509_STORE_CTX_get_error(chain);
    filter.failure_ = std::string(whose) + " " + words_of_verification(error) + subject();
    return 0;
  }
  if (!server || X509_STORE_CTX_get_error_depth(chain) != 0) return 1;
  const CertificateIdentity wanted = filter.context_->settings().identity;
  filter.identity_ = identity_of(certificate, wanted);
  if (!filter.identity_.empty()) return 1;
  filter.failure_ = std::string(whose) + " has no " + name(wanted) + subject();
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

}  // namespace mqttlab
