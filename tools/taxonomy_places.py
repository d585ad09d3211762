"""Countries and places that the cloud's own names of regions do not say: by hand, for `build_taxonomy.py`."""

from __future__ import annotations

COUNTRIES = {
    "South Africa | ZA": "Cape Town;Johannesburg",
    "China | CN": "Beijing;Ningxia",
    "Hong Kong | HK": "",
    "Taiwan | TW": "Taipei",
    "Japan | JP": "Tokyo;Osaka",
    "South Korea | KR;Korea;Republic of Korea": "Seoul;Busan",
    "India | IN": "Mumbai;Hyderabad;Delhi;Pune;Chennai;Jamnagar;Nagpur",
    "Singapore | SG": "",
    "Australia | AU": "Sydney;Melbourne;New South Wales;Victoria;Canberra",
    "New Zealand | NZ": "Auckland",
    "Indonesia | ID": "Jakarta",
    "Malaysia | MY": "Kuala Lumpur",
    "Thailand | TH": "Bangkok",
    "Canada | CA": "Montréal;Calgary;Toronto;Quebec",
    "United States | US;USA;U.S.": "Virginia;Ohio;California;Oregon;Iowa;South Carolina;Texas;Utah;Nevada;Washington;"
    "Phoenix;Illinois;Wyoming",
    "Mexico | MX;México": "Querétaro",
    "Brazil | BR": "São Paulo;Rio de Janeiro",
    "Chile | CL": "Santiago",
    "Germany | DE;Deutschland": "Frankfurt;Berlin",
    "Switzerland | CH": "Zurich;Geneva",
    "Sweden | SE": "Stockholm;Gävle",
    "Finland | FI": "Hamina",
    "Norway | NO": "",
    "Denmark | DK": "Copenhagen",
    "Italy | IT": "Milan;Turin",
    "Spain | ES": "Madrid",
    "France | FR": "Paris;Marseille",
    "Ireland | IE": "",
    "United Kingdom | UK;GB;Great Britain": "London;Cardiff",
    "Netherlands | NL": "",
    "Belgium | BE": "Brussels",
    "Austria | AT": "Vienna",
    "Poland | PL": "Warsaw",
    "Israel | IL": "Tel Aviv",
    "United Arab Emirates | AE;UAE": "Dubai;Abu Dhabi",
    "Bahrain | BH": "",
    "Qatar | QA": "Doha",
    "Saudi Arabia | SA": "Dammam",
}

PLACES = {
    "Los Angeles": "California",
    "Dallas": "Texas",
    "Columbus": "Ohio",
    "Salt Lake City": "Utah",
    "Las Vegas": "Nevada",
}
"""Places inside another place, not directly in a country."""

PLACE_SPELLINGS = {
    "N. Virginia": "Virginia",
    "Northern Virginia": "Virginia",
    "N. California": "California",
    "Sao Paulo": "São Paulo",
    "Sao Paulo State": "São Paulo",
    "Rio": "Rio de Janeiro",
    "Querétaro State": "Querétaro",
    "Queretaro": "Querétaro",
    "Montreal": "Montréal",
    "Tokyo, Saitama": "Tokyo",
    "Zürich": "Zurich",
}

REGIONS = {
    "ca-central-1": "Montréal",
    "mx-central-1": "Querétaro",
    "us-gov-east-1": "United States",
    "us-gov-west-1": "United States",
    "eastus2euap": "United States",
    "centraluseuap": "United States",
    "asia-east1": "Taiwan",
}
"""Regions whose place the file does not say, or not by a name that tells where it is."""
