// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Testing

@Suite struct SpecVersionTests {
    @Test(arguments: [
        ("1", "1.0.0"), ("0.4", "0.4.0"), ("1.1.0", "1.1.0"), ("12.345.6", "12.345.6"), ("01.2", "1.2.0"),
    ])
    func `one to three numbers are a version`(text: String, expected: String) {
        #expect(SpecVersion(text)?.description == expected)
    }

    @Test(arguments: [
        "", "a", "1.", ".1", "1..0", "1.0.0.0", "1.0.0-rc1", "+1.0", "-1", " 1.0", "1.0 ", "1234567", "１.0",
    ])
    func `anything else is none`(text: String) { #expect(SpecVersion(text) == nil) }

    @Test func `versions are ordered by publication`() {
        #expect(SpecVersion.all == SpecVersion.all.sorted())
        #expect(SpecVersion.all.map(\.description) == ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
        #expect(SpecVersion.newest == SpecVersion.all.last)
        #expect(SpecVersion("0.10.0")! > SpecVersion("0.9.9")!)
    }

    @Test func `a configured version must be one of the published, exactly`() {
        for version in SpecVersion.all { #expect(SpecVersion.configured(version.description) == version) }
        #expect(SpecVersion.configured(nil) == .v0_1_0)
        #expect(SpecVersion.configured("") == .v0_1_0)
        for text in ["0.4", "1.0", "1.2.0", "0.5.0", "1.1.00", "x"] { #expect(SpecVersion.configured(text) == nil) }
    }

    @Test func `what a version brought`() {
        let versions = SpecVersion.all
        #expect(versions.filter(\.hasLegacyResult) == [.v0_1_0, .v0_2_0])
        #expect(versions.filter(\.hasAddressVersion) == [.v0_3_0, .v0_3_1, .v0_4_0])
        #expect(versions.filter(\.hasCheck) == [.v0_4_0, .v1_0_0, .v1_1_0])
        #expect(versions.filter(\.hasGarbageCollectionAndStatus) == [.v1_1_0])
    }
}
