// TlsFilter: one end of one TLS connection (RFC 8446, RFC 5246) around a Peer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/transport/filter.h"
#include "protocol/transport/record_bytes.h"
#include "protocol/transport/tls_context.h"

namespace mqttlab {

/// Ends as follows, from the inner Peer's view: the other end's close_notify is `fin`; a stream
/// that ends without one is `reset`, for anybody in the path can end a stream, and what is missing
/// nobody knows. A host tells closed(fin) when space() is not empty: until then bytes wait for the
/// inner Peer.
class TlsFilter final : public Filter {
 public:
  /// Bytes that a stranger may send before it is established.
  static constexpr std::size_t most_handshake_bytes = 64 << 10;
  /// Encrypted bytes that wait for the transport before the inner Peer is asked for no more; one
  /// record may come on top.
  static constexpr std::size_t enough_out_bytes = 16 << 10;

  /// The handshake begins now, and must end within the settings' time. `server_name`: as for
  /// TlsContext::connection().
  TlsFilter(std::shared_ptr<const TlsContext> context, Establish establish, Time now,
            const std::string& server_name = {});
  ~TlsFilter() override;
  TlsFilter(const TlsFilter&) = delete;
  TlsFilter& operator=(const TlsFilter&) = delete;

  [[nodiscard]] std::span<std::uint8_t> space() override;
  void received(std::size_t n, Time now) override;
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const override;
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override;
  void advance(Time now) override;
  [[nodiscard]] Time deadline() const override;
  [[nodiscard]] bool finished() const override { return state_ == State::closing; }
  [[nodiscard]] bool is_established() const override { return established_; }
  [[nodiscard]] const std::string& failure() const override { return failure_; }
  [[nodiscard]] std::uint64_t overhead_bytes() const override {
    return records_.written_bytes() - carried_bytes_;
  }

  /// The protocol that ALPN chose; empty: none.
  [[nodiscard]] std::string_view protocol() const;
  /// Memory held for bytes on their way, in bytes; OpenSSL's own is not counted.
  [[nodiscard]] std::size_t buffer_bytes() const { return records_.capacity(); }

 private:
  enum class State : std::uint8_t {
    handshaking,
    open,
    closing,  ///< nothing that arrives counts any more; what is pending may still leave
    over,
  };
  static int judge(int good, X509_STORE_CTX* chain);
  void pump(Time now);
  void shake_hands(Time now);
  void establish(Time now);
  void read(Time now);
  bool write(Time now);  // true if the inner Peer was rid of anything
  void say_goodbye();
  void fail(std::string what, Time now);
  void end_inner(CloseCause cause, Time now);
  [[nodiscard]] std::string words_of_last_error() const;

  std::shared_ptr<const TlsContext> context_;
  RecordBytes records_;
  OpenSslPtr<SSL> ssl_;
  Establish establish_;
  Peer* inner_ = nullptr;
  Time handshake_due_;
  std::uint64_t carried_bytes_ = 0;  // that the inner Peer is rid of
  std::string identity_, failure_;
  State state_ = State::handshaking;
  bool established_ = false;
};

}  // namespace mqttlab
