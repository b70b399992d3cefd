"""Names and e-mail addresses of the customers of the cast. Both may be missing, and names are not unique."""

from typing import NamedTuple


class Profile(NamedTuple):
    name: str | None
    email: str | None


PROFILES = {
    "acme-robotics": Profile("Acme Robotics Ltd", "billing@acme-robotics.example"),
    "globex": Profile("Globex Corporation", "accounts.payable@globex.example"),
    "initech": Profile("Initech", "bill.l@initech.example"),
    "hooli": Profile("Hooli Inc.", "platform@hooli.example"),
    "umbrella-health": Profile("Umbrella Health GmbH", "rechnungen@umbrella-health.example"),
    "stark-logistics": Profile("Stark Logistics", "finance@stark-logistics.example"),
    "pied-piper": Profile("Pied Piper", "richard@pied-piper.example"),
    "wonka-foods": Profile("Wonka Foods & Sweets", "office@wonka-foods.example"),
    "cyberdyne": Profile("Cyberdyne Systems", "ops@cyberdyne.example"),
    "tyrell-biotech": Profile("Tyrell Biotech K.K.", "keiri@tyrell-biotech.example"),
    "soylent": Profile("Soylent Nutrition", "ap@soylent.example"),
    "massive-dynamic": Profile("Massive Dynamic", "nina@massive-dynamic.example"),
    "aperture-science": Profile("Aperture Science", "cave@aperture-science.example"),
    "black-mesa": Profile("Black Mesa Research", "it@black-mesa.example"),
    "vandelay-imports": Profile("Vandelay Imports/Exports", "art@vandelay-imports.example"),
    "dunder-mifflin": Profile("Dunder Mifflin Paper", "accounting@dunder-mifflin.example"),
    "gringotts": Profile("Gringotts", "vault@gringotts.example"),
    "monsters-inc": Profile("Monsters, Inc.", "scarefloor@monsters-inc.example"),
    "los-pollos": Profile("Los Pollos", "gus@los-pollos.example"),
    "prestige-worldwide": Profile("Prestige Worldwide", "brennan@prestige-worldwide.example"),
    "oscorp": Profile("Oscorp", "lab@oscorp.example"),
    "nakatomi-trading": Profile("Nakatomi Trading", "joe@nakatomi-trading.example"),
    "weyland-mining": Profile("Weyland Mining", "crew@weyland-mining.example"),
    "duff-beverages": Profile("Duff Beverages", "tap@duff-beverages.example"),
    "sirius-cybernetics": Profile("Sirius Cybernetics", "complaints@sirius-cybernetics.example"),
    "planet-express": Profile("Planet Express", "delivery@planet-express.example"),
    "bluth-homes": Profile("Bluth Homes", "michael@bluth-homes.example"),
    "café-müller": Profile("Café Müller", "hallo@cafe-mueller.example"),
    "kōbe-牛-電子": Profile("神戸牛電子株式会社", "info@kobe-denshi.example"),
    "mallory-labs": Profile('<img src=x onerror=alert("name")>', '"<svg/onload=alert(1)>"@mallory.example'),
    "virtucon": Profile("Virtucon", None),
    "spacely-sprockets": Profile("Spacely Sprockets", "cosmo@spacely-sprockets.example"),
    "strickland-propane": Profile("Strickland Propane", "hank@strickland-propane.example"),
    "tiny-tools": Profile("Tiny Tools", "tim@tiny-tools.example"),
    "krusty-catering": Profile("Krusty Catering", "krusty@krusty-catering.example"),
    "north/south 50% &co": Profile("North/South 50% & Co", "ns@north-south.example"),
    "<script>alert(1)</script>": Profile("</script><script>alert(2)</script>", None),
    '=HYPERLINK("http://x")': Profile('=HYPERLINK("http://y","Pay")', "+1@formula.example"),
    "pay\u202elive-ton": Profile("Pay\u202elive-ton", None),
    "first-try": Profile(None, None),
    "cus_7f3a9k": Profile("Lumen Optics", "studio@lumen-optics.example"),
    "org_20f5c1": Profile("Bellweather Controls", "meters@bellweather.example"),
    "acct-70-hg": Profile("Halcyon Grid", "billing@halcyon-grid.example"),
    "acct_0091": Profile("Northwind Cartography", "maps@northwind.example"),
    "cus_k81dd02": Profile("Fibonacci & Daughters", "digits@fibonacci.example"),
    "cus_m5r0w": Profile("Tick Tock Telemetry", "ops@tick-tock.example"),
    "acct_arn_5": Profile("Meridian Cloudworks", "cloud@meridian.example"),
    "cus_wd40x": Profile("Drift & Sons Watchmakers", "clocks@drift-and-sons.example"),
    "brightside-eu": Profile("Brightside Media", "eu@brightside.example"),
    "cus_b2r19x": Profile("Brightside Media", "us@brightside.example"),
}
