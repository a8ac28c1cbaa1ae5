// ns-3 ends the process when a type or an attribute is misspelt, so they are looked up here first.
#include <gtest/gtest.h>
#include <ns3/type-id.h>

#include "sim/tcp_socket.h"

namespace mqttlab::sim {
namespace {

TEST(TcpProfile, EveryTypeOfTheStackIsLinked) {
  // With --as-needed ns-3's libraries fall off and these cannot be found.
  for (const char* name : {"ns3::TcpSocketFactory", "ns3::TcpL4Protocol", "ns3::TcpCubic",
                           "ns3::TcpPrrRecovery", "ns3::RttMeanDeviation", "ns3::Ipv4L3Protocol",
                           "ns3::Ipv6L3Protocol", "ns3::Icmpv6L4Protocol"}) {
    ns3::TypeId id;
    EXPECT_TRUE(ns3::TypeId::LookupByNameFailSafe(name, &id)) << name;
  }
}

TEST(TcpProfile, EveryAttributeOfLinuxLikeExistsAndTakesItsValue) {
  for (const bool ipv6 : {false, true}) {
    for (const auto& [type, name, value] : linux_like(ipv6)) {
      ns3::TypeId id;
      ASSERT_TRUE(ns3::TypeId::LookupByNameFailSafe(type, &id)) << type;
      ns3::TypeId::AttributeInformation attribute;
      ASSERT_TRUE(id.LookupAttributeByName(name, &attribute)) << type << "::" << name;
      const auto parsed = attribute.checker->Create();
      EXPECT_TRUE(parsed->DeserializeFromString(value, attribute.checker))
          << type << "::" << name << " = " << value;
    }
  }
}

TEST(TcpProfile, AnUnknownProfileIsNamed) {
  try {
    use_tcp_profile("windows", false);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("'windows'"), std::string::npos);
  }
}

}  // namespace
}  // namespace mqttlab::sim
