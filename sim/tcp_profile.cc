// The TCP profiles. What still differs from Linux is listed in README.md.
#include <ns3/config.h>
#include <ns3/string.h>

#include <stdexcept>

#include "sim/tcp_socket.h"

namespace mqttlab::sim {

std::vector<TcpAttribute> linux_like(bool ipv6) {
  return {
      // 1,500 bytes of MTU less the IP and TCP headers.
      {"ns3::TcpSocket", "SegmentSize", ipv6 ? "1440" : "1460"},
      {"ns3::TcpSocket", "InitialCwnd", "10"},       // RFC 6928
      {"ns3::TcpSocket", "ConnTimeout", "1s"},       // TCP_TIMEOUT_INIT; doubles per SYN
      {"ns3::TcpSocket", "ConnCount", "7"},          // tcp_syn_retries 6: given up after 127 s
      {"ns3::TcpSocket", "DataRetries", "15"},       // tcp_retries2
      {"ns3::TcpSocket", "TcpNoDelay", "true"},      // what MQTT implementations set
      {"ns3::TcpSocket", "DelAckCount", "2"},        // RFC 1122
      {"ns3::TcpSocket", "DelAckTimeout", "40ms"},   // TCP_DELACK_MIN
      {"ns3::TcpSocket", "SndBufSize", "131072"},    // small beside Linux, large beside MQTT
      {"ns3::TcpSocket", "RcvBufSize", "131072"},    // tcp_rmem's default
      {"ns3::TcpSocketBase", "Timestamp", "false"},  // with them ns-3's delayed ACKs inflate RTO
      {"ns3::TcpSocketBase", "MinRto", "200ms"},     // TCP_RTO_MIN
      // RTO = SRTT + max(4 RTTVAR, 200 ms): the floor is under the variance, as in tcp_set_rto.
      {"ns3::TcpSocketBase", "ClockGranularity", "200ms"},
      {"ns3::TcpSocketBase", "Sack", "true"},
      {"ns3::TcpSocketBase", "WindowScaling", "true"},
      {"ns3::TcpSocketBase", "LimitedTransmit", "true"},  // RFC 3042
      {"ns3::TcpSocketBase", "MaxSegLifetime", "30"},     // TCP_TIMEWAIT_LEN is 60 s: twice this
      {"ns3::TcpL4Protocol", "SocketType", "ns3::TcpCubic"},
      {"ns3::TcpL4Protocol", "RecoveryType", "ns3::TcpPrrRecovery"},
      {"ns3::TcpL4Protocol", "RttEstimatorType", "ns3::RttMeanDeviation"},
      {"ns3::RttEstimator", "InitialEstimation", "1s"},  // RFC 6298
  };
}

void use_tcp_profile(const std::string& profile, bool ipv6) {
  if (profile != "linux-like" && profile != "ns3-default")
    throw std::invalid_argument("tcp is '" + profile +
                                "', must be \"linux-like\" or \"ns3-default\"");
  ns3::Config::Reset();
  if (profile == "ns3-default") return;
  for (const auto& [type, name, value] : linux_like(ipv6))
    ns3::Config::SetDefault(type + "::" + name, ns3::StringValue(value));
}

}  // namespace mqttlab::sim
