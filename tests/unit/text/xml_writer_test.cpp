#include "text/xml_writer.h"

#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <random>

namespace neph::text {
namespace {

TEST(XmlWriter, WritesElementsWithoutWhiteSpace) {
  XmlWriter xml;
  xml.open("VM");
  xml.element("ID", std::int64_t{7});
  xml.element("NAME", "a<b>&\"c\"");
  xml.element("DEPLOY_ID", "");
  xml.cdata("VM_MAD", "kvm");
  xml.cdata("SOURCE", "");
  xml.empty("MONITORING");
  xml.ids("IMAGES", {1, 2});
  xml.ids("VMS", {});
  xml.raw("<X/>");
  xml.close();
  EXPECT_EQ(xml.text(),
            "<VM><ID>7</ID><NAME>a&lt;b&gt;&amp;&quot;c&quot;</NAME><DEPLOY_ID/>"
            "<VM_MAD><![CDATA[kvm]]></VM_MAD><SOURCE><![CDATA[]]></SOURCE><MONITORING/>"
            "<IMAGES><ID>1</ID><ID>2</ID></IMAGES><VMS></VMS><X/></VM>");
}

TEST(XmlWriter, SortsAttributesByNameAndKeysButKeepsTheOrderOfOneName) {
  const auto content = *Template::parse("Z=1\nDISK=[B=2,A=1]\nCPU=1\nDISK=[A=0]\nE=[]\nN=\"\"");
  XmlWriter xml;
  xml.attributes("TEMPLATE", content);
  EXPECT_EQ(xml.take(),
            "<TEMPLATE><CPU><![CDATA[1]]></CPU>"
            "<DISK><A><![CDATA[1]]></A><B><![CDATA[2]]></B></DISK>"
            "<DISK><A><![CDATA[0]]></A></DISK><E/><N><![CDATA[]]></N>"
            "<Z><![CDATA[1]]></Z></TEMPLATE>");
}

TEST(XmlWriter, PutsOneBeforeNamesThatXmlDoesNotAllow) {
  const auto content = *Template::parse("9P=x\nXMLFOO=[1K=y]\n_OK=z");
  XmlWriter xml;
  xml.attributes("T", content);
  EXPECT_EQ(xml.text(),
            "<T><ONE_9P><![CDATA[x]]></ONE_9P><ONE_XMLFOO><ONE_1K><![CDATA[y]]></ONE_1K>"
            "</ONE_XMLFOO><_OK><![CDATA[z]]></_OK></T>");
}

TEST(XmlWriter, SplitsACdataSectionThatItsValueWouldEnd) {
  XmlWriter xml;
  xml.cdata("A", "x]]>]]>y");
  EXPECT_EQ(xml.text(), "<A><![CDATA[x]]]]><![CDATA[>]]]]><![CDATA[>y]]></A>");
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(xml.text().c_str()));
  std::string joined;
  for (const auto& node : document.child("A")) joined += node.value();
  EXPECT_EQ(joined, "x]]>]]>y");
}

TEST(XmlWriter, KeepsUtf8AndReplacesWhatXmlCannotCarry) {
  EXPECT_EQ(xml_escaped("é€😀\t\n"), "é€😀\t\n");
  EXPECT_EQ(xml_escaped(std::string_view("a\0b\x01\x1f\x7f", 6)), "a?b???");
  EXPECT_EQ(xml_escaped("\xff\xc3(\xe2\x82"), "?" "?(?" "?");
  EXPECT_EQ(xml_escaped("\xc0\xaf\xe0\x80\x80"), "?????");       // overlong
  EXPECT_EQ(xml_escaped("\xed\xa0\x80"), "???");                  // surrogate
  EXPECT_EQ(xml_escaped("\xef\xbf\xbe\xef\xbf\xbf"), "??????");   // not characters
  EXPECT_EQ(xml_escaped("\xf4\x90\x80\x80"), "????");             // beyond Unicode
  EXPECT_EQ(xml_escaped("a\rb"), "a&#13;b");
}

TEST(XmlWriter, ReadsBackWhatATemplateHolds) {
  Template content;
  content.add("NOTE", std::string("free text <&> \"quoted\" $USER[KEY]"));
  content.add("DISK", Vector{{"IMAGE", "debian 12"}, {"PATH", "C:\\"}});
  XmlWriter xml;
  xml.attributes("T", content);
  auto again = Template::parse(xml.text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->get("NOTE"), content.get("NOTE"));
  EXPECT_EQ(again->find_vector("DISK")->items(), content.find_vector("DISK")->items());
}

TEST(XmlWriter, RandomBytesNeverMakeAMalformedDocument) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> byte(0, 255);
  for (int run = 0; run < 5000; ++run) {
    std::string noise;
    for (int i = 0; i < 40; ++i) {
      noise += static_cast<char>(byte(random));
      if (byte(random) < 30) noise += "]]>";
    }
    XmlWriter xml;
    xml.open("T");
    xml.element("A", noise);
    xml.cdata("B", noise);
    xml.close();
    pugi::xml_document document;
    ASSERT_TRUE(document.load_buffer(xml.text().data(), xml.text().size(), pugi::parse_default,
                                     pugi::encoding_utf8))
        << "run " << run;
    ASSERT_TRUE(document.child("T").child("A")) << "run " << run;
    for (const unsigned char c : xml.text())
      ASSERT_TRUE(c >= 0x20 || c == '\t' || c == '\n' || c == '\r') << "run " << run;
  }
}

}  // namespace
}  // namespace neph::text
