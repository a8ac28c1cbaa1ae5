// TcpSocket: ns-3's TCP with what a host needs beside it: why a connection ended, a reset on
// demand, a kernel that forgets orphans.
#pragma once

#include <ns3/tcp-socket-base.h>

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab::sim {

class TcpSocket : public ns3::TcpSocketBase {
 public:
  [[nodiscard]] static ns3::TypeId GetTypeId();
  /// A socket of the node, with the congestion control, recovery and RTT estimator that its
  /// TcpL4Protocol names.
  [[nodiscard]] static ns3::Ptr<TcpSocket> create(const ns3::Ptr<ns3::Node>& node);

  TcpSocket() = default;
  TcpSocket(const TcpSocket&) = default;

  /// Valid inside a close callback: ns-3 reports a FIN and a received RST through the same one.
  [[nodiscard]] CloseCause end_cause() const;
  /// Valid inside a callback of a failed dial: no answer to any SYN, rather than a refusal.
  [[nodiscard]] bool syn_given_up() const { return m_synCount == 0; }

  using ns3::TcpSocketBase::Recv;
  ns3::Ptr<ns3::Packet> Recv(std::uint32_t most_bytes, std::uint32_t flags) override;

  /// What a listener does from now on with those who dial. ns-3 gives nobody a port that
  /// connections still have, so a listener that may come back has to stay.
  enum class Answer : std::uint8_t { accept, refuse, silence };
  void answer(Answer answer) {
    answer_ = answer;
    if (answer != Answer::accept) refuse_strangers();
  }
  /// A listener that answers what belongs to none of its connections with a reset, as RFC 9293
  /// (3.10.7) wants. ns-3's says nothing, so that a peer whose port has changed would never learn.
  void refuse_strangers() { refuses_strangers_ = true; }

  /// Takes at most so many bytes at a time, each lot a segment; 0: what it has room for.
  void limit_writes(std::uint32_t bytes) { most_per_write_ = bytes; }
  /// Its segments carry at most so many bytes; 0: as many as its attribute says. Not when data is
  /// under way.
  void limit_segments(std::uint32_t bytes);
  [[nodiscard]] std::uint32_t GetTxAvailable() const override;
  using ns3::TcpSocketBase::Send;
  int Send(ns3::Ptr<ns3::Packet> packet, std::uint32_t flags) override;
  /// Its host gives the connection up, as when the address is gone: a reset that nobody sent.
  void abort();

  // Ways to let go. None of them calls back any more.
  void forget();            ///< it has ended by itself
  void close_and_forget();  ///< close(2): FIN after what is buffered, RST if something is unread
  void reset_and_forget();  ///< RST now
  void vanish();            ///< power loss: not another packet

 protected:
  ns3::Ptr<ns3::TcpSocketBase> Fork() override;
  void SendEmptyPacket(std::uint8_t flags) override;
  std::uint32_t SendDataPacket(ns3::SequenceNumber32 first, std::uint32_t most_bytes,
                               bool with_ack) override;
  [[nodiscard]] std::uint32_t AvailableWindow() const override;
  void ReceivedAck(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader& header) override;
  void ReTxTimeout() override;
  void PersistTimeout() override;
  void DoForwardUp(ns3::Ptr<ns3::Packet> packet, const ns3::Address& from,
                   const ns3::Address& to) override;

 private:
  void reap();
  [[nodiscard]] bool waits_for_window() const;
  void measure_no_repeated_syn();
  void fill_window_later();
  void fill_window();
  void outlive_event() {}
  void reject(const ns3::TcpHeader& segment, const ns3::Address& from, const ns3::Address& to);
  ns3::EventId fill_{};
  std::uint32_t fins_ = 0;  // sent without data
  Answer answer_ = Answer::accept;
  bool refuses_strangers_ = false;
  std::uint32_t most_per_write_ = 0;
  bool drained_ = false;  // had nothing left to send at the last reap()
};

/// Sets the defaults of every socket made from now on. `profile`: "linux-like" or "ns3-default";
/// otherwise throws std::invalid_argument. Defaults of an earlier world are undone first.
void use_tcp_profile(const std::string& profile, bool ipv6);

/// One attribute of the linux-like profile; the names are checked by a test, since ns-3 ends the
/// process on a wrong one.
struct TcpAttribute {
  std::string type, name, value;
};
[[nodiscard]] std::vector<TcpAttribute> linux_like(bool ipv6);

}  // namespace mqttlab::sim
