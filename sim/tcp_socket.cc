#include "sim/tcp_socket.h"

#include <ns3/node.h>
#include <ns3/rtt-estimator.h>
#include <ns3/simulator.h>
#include <ns3/tcp-congestion-ops.h>
#include <ns3/tcp-header.h>
#include <ns3/tcp-l4-protocol.h>
#include <ns3/tcp-recovery-ops.h>
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

ns3::Ptr<ns3::TcpSocketBase> TcpSocket::Fork() { return ns3::CopyObject<TcpSocket>(this); }

// ns-3 repeats an unanswered FIN for ever, without backoff. Linux gives an orphan eight, doubling.
void TcpSocket::SendEmptyPacket(std::uint8_t flags) {
  constexpr std::uint32_t orphan_retries = 8;
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
