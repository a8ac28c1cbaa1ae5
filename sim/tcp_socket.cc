#include "sim/tcp_socket.h"

#include <ns3/inet-socket-address.h>
#include <ns3/inet6-socket-address.h>
#include <ns3/node.h>
#include <ns3/packet.h>
#include <ns3/rtt-estimator.h>
#include <ns3/simulator.h>
#include <ns3/tcp-congestion-ops.h>
#include <ns3/tcp-header.h>
#include <ns3/tcp-l4-protocol.h>
#include <ns3/tcp-recovery-ops.h>
#include <ns3/tcp-rx-buffer.h>
#include <ns3/tcp-tx-buffer.h>

#include <algorithm>

namespace mqttlab::sim {
namespace {

template <typename T>
ns3::Ptr<T> make(const ns3::Ptr<ns3::TcpL4Protocol>& tcp, const char* attribute) {
  ns3::TypeIdValue type;
  tcp->GetAttribute(attribute, type);
  ns3::ObjectFactory factory;
  factory.SetTypeId(type.Get());
  return factory.Create<T>();
}

}  // namespace

ns3::TypeId TcpSocket::GetTypeId() {
  static const ns3::TypeId id = ns3::TypeId("mqttlab::TcpSocket")
                                    .SetParent<ns3::TcpSocketBase>()
                                    .SetGroupName("mqttlab")
                                    .AddConstructor<TcpSocket>();
  return id;
}

ns3::Ptr<TcpSocket> TcpSocket::create(const ns3::Ptr<ns3::Node>& node) {
  const auto tcp = node->GetObject<ns3::TcpL4Protocol>();
  auto socket = ns3::CreateObject<TcpSocket>();
  socket->SetNode(node);
  socket->SetTcp(tcp);
  socket->SetRtt(make<ns3::RttEstimator>(tcp, "RttEstimatorType"));
  socket->SetCongestionControlAlgorithm(make<ns3::TcpCongestionOps>(tcp, "SocketType"));
  socket->SetRecoveryAlgorithm(make<ns3::TcpRecoveryOps>(tcp, "RecoveryType"));
  return socket;
}

CloseCause TcpSocket::end_cause() const {
  if (m_state == CLOSE_WAIT || m_state == LAST_ACK) return CloseCause::fin;
  return m_dataRetrCount == 0 ? CloseCause::timeout : CloseCause::reset;
}

std::uint32_t TcpSocket::GetTxAvailable() const {
  const std::uint32_t room = TcpSocketBase::GetTxAvailable();
  return most_per_write_ == 0 ? room : std::min(room, most_per_write_);
}

// ns-3 sends a nanosecond later, and all that it has been given until then together.
int TcpSocket::Send(ns3::Ptr<ns3::Packet> packet, std::uint32_t flags) {
  const int taken = TcpSocketBase::Send(packet, flags);
  if (most_per_write_ > 0 && taken > 0) SendPendingData(m_connected);
  return taken;
}

void TcpSocket::abort() {
  const ns3::Ptr<TcpSocket> self(this);
  CloseAndNotify();
}

void TcpSocket::close_and_forget() {
  forget();
  Close();
  reap();
}

void TcpSocket::reset_and_forget() {
  forget();
  SendRST();
}

void TcpSocket::vanish() {
  forget();
  const ns3::Ptr<TcpSocket> self(this);  // the endpoint may hold the last reference
  m_state = CLOSED;
  DeallocateEndPoint();
}

void TcpSocket::forget() {
  const auto nothing = ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>();
  SetConnectCallback(nothing, nothing);
  SetCloseCallbacks(nothing, nothing);
  SetRecvCallback(nothing);
  SetSendCallback(ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>, std::uint32_t>());
  // ns-3 goes on in this socket after a callback, and has events that hold it by bare pointer.
  ns3::Simulator::ScheduleNow(&TcpSocket::outlive_event, ns3::Ptr<TcpSocket>(this));
}

// ns-3 keeps a socket whose peer never closes for ever; Linux gives it tcp_fin_timeout.
void TcpSocket::reap() {
  if (m_endPoint == nullptr && m_endPoint6 == nullptr) return;
  if (m_state == TIME_WAIT) return;  // has its own end
  if (drained_) {
    vanish();
    return;
  }
  drained_ = m_txBuffer->Size() == 0;
  ns3::Simulator::Schedule(ns3::Seconds(60), &TcpSocket::reap, ns3::Ptr<TcpSocket>(this));
}

// The attribute may not be set once the socket is connected, as an accepted one is.
void TcpSocket::limit_segments(std::uint32_t bytes) {
  if (bytes == 0 || bytes >= m_tcb->m_segmentSize) return;
  m_tcb->m_cWnd = m_tcb->m_cWnd / m_tcb->m_segmentSize * bytes;
  m_tcb->m_segmentSize = bytes;
  m_txBuffer->SetSegmentSize(bytes);
}

ns3::Ptr<ns3::TcpSocketBase> TcpSocket::Fork() { return ns3::CopyObject<TcpSocket>(this); }

// ns-3 says nothing of a window that opens again: a sender would find out by its probes, which are
// up to a minute apart.
ns3::Ptr<ns3::Packet> TcpSocket::Recv(std::uint32_t most_bytes, std::uint32_t flags) {
  auto packet = TcpSocketBase::Recv(most_bytes, flags);
  const auto& buffer = *m_tcb->m_rxBuffer;
  const bool was_closed = m_advWnd.Get() < m_tcb->m_segmentSize;
  const bool is_open = buffer.MaxBufferSize() - buffer.Size() >= 2 * m_tcb->m_segmentSize;
  if (was_closed && is_open && m_state == ESTABLISHED) SendEmptyPacket(ns3::TcpHeader::ACK);
  return packet;
}

// ns-3 takes the RST and ACK that refuse a SYN for an ACK, and goes on dialing.
void TcpSocket::DoForwardUp(ns3::Ptr<ns3::Packet> packet, const ns3::Address& from,
                            const ns3::Address& to) {
  ns3::TcpHeader header;
  packet->PeekHeader(header);
  if (m_state == SYN_SENT && (header.GetFlags() & ns3::TcpHeader::RST) != 0) {
    const ns3::Ptr<TcpSocket> self(this);
    CloseAndNotify();
    return;
  }
  if (m_state == LISTEN) {
    if (answer_ == Answer::silence) return;
    const bool dials = (header.GetFlags() & ns3::TcpHeader::SYN) != 0;
    if (dials ? answer_ == Answer::refuse : refuses_strangers_) return reject(header, from, to);
  }
  TcpSocketBase::DoForwardUp(packet, from, to);
}

// As a node answers where nobody listens, or to what belongs to no connection (RFC 9293, 3.10.7.1).
void TcpSocket::reject(const ns3::TcpHeader& segment, const ns3::Address& from,
                       const ns3::Address& to) {
  const std::uint8_t flags = segment.GetFlags();
  if ((flags & ns3::TcpHeader::RST) != 0) return;
  ns3::TcpHeader rst;
  if ((flags & ns3::TcpHeader::SYN) != 0) {
    rst.SetFlags(ns3::TcpHeader::RST | ns3::TcpHeader::ACK);
    rst.SetAckNumber(segment.GetSequenceNumber() + ns3::SequenceNumber32(1));
  } else {
    rst.SetFlags(ns3::TcpHeader::RST);
    rst.SetSequenceNumber(segment.GetAckNumber());
  }
  rst.SetSourcePort(segment.GetDestinationPort());
  rst.SetDestinationPort(segment.GetSourcePort());
  const auto ip = [](const ns3::Address& address) -> ns3::Address {
    if (ns3::InetSocketAddress::IsMatchingType(address))
      return ns3::InetSocketAddress::ConvertFrom(address).GetIpv4();
    return ns3::Inet6SocketAddress::ConvertFrom(address).GetIpv6();
  };
  m_tcp->SendPacket(ns3::Create<ns3::Packet>(), rst, ip(to), ip(from));
}

// When what ns-3 has sent fills the peer's window to the byte, the next segment that it names is
// one of nothing, which ends the process.
std::uint32_t TcpSocket::SendDataPacket(ns3::SequenceNumber32 first, std::uint32_t most_bytes,
                                        bool with_ack) {
  return most_bytes == 0 ? 0 : TcpSocketBase::SendDataPacket(first, most_bytes, with_ack);
}

// While it recovers, what was selectively acknowledged counts as room in that window: ns-3 would
// send segments of nothing for ever.
std::uint32_t TcpSocket::AvailableWindow() const {
  const std::uint32_t window = TcpSocketBase::AvailableWindow();
  if (window == 0 || m_txBuffer->Size() <= m_rWnd.Get()) return window;
  ns3::SequenceNumber32 first;
  ns3::SequenceNumber32 end;
  const bool recovers = m_sackEnabled && m_tcb->m_congState == ns3::TcpSocketState::CA_RECOVERY;
  const bool is_empty = m_txBuffer->NextSeg(&first, &end, recovers) && first == end;
  return is_empty ? 0 : window;
}

// ns-3 waits for room for a whole segment, also to repeat what was smaller, and asks nobody unless
// there is none at all: if the news of more is lost, it waits for ever. Linux fills what there is.
void TcpSocket::ReceivedAck(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader& header) {
  TcpSocketBase::ReceivedAck(packet, header);
  fill_window_later();
}

void TcpSocket::ReTxTimeout() {
  TcpSocketBase::ReTxTimeout();
  fill_window_later();
}

// ns-3 asks for a closed window to open with the next byte that it has not sent, and where it has
// sent them all, the process ends. What the window swallowed is then not acknowledged: ask with it.
void TcpSocket::PersistTimeout() {
  if (m_txBuffer->Size() == 0) return;
  if (m_txBuffer->SizeFromSequence(m_tcb->m_nextTxSequence) == 0)
    m_tcb->m_nextTxSequence = m_txBuffer->HeadSequence();
  TcpSocketBase::PersistTimeout();
}

bool TcpSocket::waits_for_window() const {
  const bool may_send = m_state == ESTABLISHED || m_state == CLOSE_WAIT;
  const auto room = m_rWnd.Get();
  return may_send && room > 0 && room < m_tcb->m_segmentSize && m_txBuffer->Size() > room &&
         BytesInFlight() == 0;
}

void TcpSocket::fill_window_later() {
  if (fill_.IsRunning() || !waits_for_window()) return;
  fill_ = ns3::Simulator::Schedule(m_rto.Get() * std::int64_t{2}, &TcpSocket::fill_window,
                                   ns3::Ptr<TcpSocket>(this));
}

void TcpSocket::fill_window() {
  if ((m_endPoint == nullptr && m_endPoint6 == nullptr) || !waits_for_window()) return;
  const auto first = m_txBuffer->HeadSequence();
  m_tcb->m_nextTxSequence = first + SendDataPacket(first, m_rWnd.Get(), true);
}

// ns-3 takes the answer to a repeated SYN for that to the first: the round trip would be all of the
// time before. It tells none (Karn's algorithm; RFC 6298, 3), and until data do, the timeout is 3 s
// (5.7), lest a round trip over 1 s have each segment repeated, and so never be measured.
void TcpSocket::measure_no_repeated_syn() {
  for (ns3::RttHistory& sent : m_history) sent.retx = true;
  m_rtt->SetAttribute("InitialEstimation", ns3::TimeValue(ns3::Seconds(3) - m_clockGranularity));
  m_rtt->Reset();
}

// ns-3 repeats an unanswered FIN for ever, without backoff. Linux gives an orphan eight, doubling.
void TcpSocket::SendEmptyPacket(std::uint8_t flags) {
  constexpr std::uint32_t orphan_retries = 8;
  if ((flags & ns3::TcpHeader::SYN) != 0 && !m_history.empty()) measure_no_repeated_syn();
  if ((flags & ns3::TcpHeader::FIN) == 0) {
    TcpSocketBase::SendEmptyPacket(flags);
    return;
  }
  const ns3::Ptr<TcpSocket> self(this);
  if (fins_ > orphan_retries) {
    vanish();
    return;
  }
  TcpSocketBase::SendEmptyPacket(flags);
  const bool timer_is_for_data = m_txBuffer->Size() > 0;
  if (timer_is_for_data || (m_endPoint == nullptr && m_endPoint6 == nullptr)) return;
  const ns3::Time wait = std::min(m_rto.Get() * (std::int64_t{1} << fins_), ns3::Seconds(60));
  ++fins_;
  m_retxEvent.Cancel();
  m_retxEvent = ns3::Simulator::Schedule(wait, &TcpSocket::SendEmptyPacket, this, flags);
}

}  // namespace mqttlab::sim
