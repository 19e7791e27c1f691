# SPDX-License-Identifier: Apache-2.0
"""Texts that are no share: reasons, tickets, names, serials, digests and ids."""

PLAIN = (
    "LDAP is down since 03:10, nobody can log in to the jump host",
    "die Anmeldung an allen Servern scheitert seit dem Umzug des Rechenzentrums",
    "l'annuaire ne répond plus, l'accès d'urgence est nécessaire cette nuit",
    "host db01 down from 10pm",
    "db01 db02 db03 db04 db05 are unreachable, failover did not happen",
    "this time they have come back with other keys from your team",
    "LDAP, SMTP, HTTP, DHCP and SNMP are all down",
    "INC-1234", "INC0012345678", "CHG-2026-000123", "OPS-4711/2", "BGS-1042", "JIRA SEC-20931 and SEC-20932",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b reverted", "3f78685", "deadbeefcafe",
    "550e8400-e29b-41d4-a716-446655440000", "{550E8400-E29B-41D4-A716-446655440000}",
    "sha256 65da65233700f96ad0346d8a79661988f490e9eb762f04691ae132d2bdd4997e8b",
    "SHA256:euxILhzsiKMCjPTT8agJLt6FSoJ2D2UqR4VC1IUG1Ck",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKiiuvEMj+5kRNJcXC6LD6X8JoFCDJsZyAK69dH1L0AY olga@example.net",
    "1A2B 3C4D 5E6F 7081 92A3 B4C5 D6E7 F809 1A2B 3C4D", "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "00:1b:44:11:3a:b7", "10.20.30.40, 10.20.30.41 and 10.20.30.42", "+49 30 1234 5678 9012",
    "B-1001", "TEB 2026 0001 2345", "A1234567", "0012 3456 7890 1234 5678", "KEEPSAFE 00998877", "SN-4F7K-22",
    "GB12 BARC 2020 1530 0934 59", "epoch 7Z6B-BG8S-26JX of prod-db", "7Z6B-BG8S-26JX, WJ4G-F8ZZ-7GG7",
    "share 7Z6B-BG8S-26JX 1.2 is wrong and left out", "rotation-3c70a82f", "quorum-7Z6BBG8S26JX",
    "Olga Sommer", "Jean-Baptiste d'Aubigné-Lefèvre", "Małgorzata Szczepańska", "Ольга Петрова", "山田 太郎",
    "Head of Security, Building 7, Room 12B", "keeper of sheet 1.2",
    "/var/lib/breakglass/prod-db/sheets-2026-01-31/prod-db-e1-g1-m2.pdf", "/media/usb0/IMG_20260131_120000.jpg",
    "/tmp/tmpw4u3u9kp/world/home", "/run/media/olga/zg8d03s4/sheets-zg8d03s4", "C:\\Users\\olga\\u8j55p65\\scan-2",
    "postgresql://db1.example.net:5432/postgres?sslmode=verify-full", "cn=breakglass,ou=people,dc=example,dc=net",
    "2026-01-31T03:10:00Z", "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", "expected a text that begins with BGS1:, got another",
    "kubernetes-worker-node-eu-west-1a.example.net", "CVE-2026-12345 on web1, web2 and app3",
)  # fmt: skip
"""What people write and programs say."""
