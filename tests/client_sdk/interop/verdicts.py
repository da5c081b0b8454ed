"""The verdict on each real file, exactly: it is taken, or refused for a reason and a field.

The first word is for an ordinary import, the second for one with `allow_closed`.
"""

from __future__ import annotations

from typing import Final

TAKEN: Final = ("taken", "taken")
CLOSED: Final = ("not_open status", "taken")
NO_REFERRAL: Final = ("not_a_referral code.coding.code", "not_a_referral code.coding.code")
NO_KIND: Final = ("not_a_referral resourceType", "not_a_referral resourceType")

VERDICTS: Final = {
    "fhir-r4/ServiceRequest-ambulation.json": CLOSED,
    "fhir-r4/ServiceRequest-appendectomy-narrative.json": CLOSED,
    "fhir-r4/ServiceRequest-benchpress.json": TAKEN,
    "fhir-r4/ServiceRequest-colon-biopsy.json": CLOSED,
    "fhir-r4/ServiceRequest-colonoscopy.json": CLOSED,
    "fhir-r4/ServiceRequest-di.json": TAKEN,
    "fhir-r4/ServiceRequest-do-not-turn.json": TAKEN,
    "fhir-r4/ServiceRequest-education.json": CLOSED,
    "fhir-r4/ServiceRequest-example-implant.json": CLOSED,
    "fhir-r4/ServiceRequest-example-pgx.json": TAKEN,
    "fhir-r4/ServiceRequest-example.json": CLOSED,
    "fhir-r4/ServiceRequest-ft4.json": TAKEN,
    "fhir-r4/ServiceRequest-lipid.json": TAKEN,
    "fhir-r4/ServiceRequest-myringotomy.json": TAKEN,
    "fhir-r4/ServiceRequest-ob.json": CLOSED,
    "fhir-r4/ServiceRequest-og-example1.json": TAKEN,
    "fhir-r4/ServiceRequest-physical-therapy.json": CLOSED,
    "fhir-r4/ServiceRequest-physiotherapy.json": CLOSED,
    "fhir-r4/ServiceRequest-subrequest.json": TAKEN,
    "fhir-r4/ServiceRequest-vent.json": CLOSED,
    "fhir-r4/Task-example1.json": TAKEN,
    "fhir-r4/Task-example2.json": TAKEN,
    "fhir-r4/Task-example3.json": TAKEN,
    "fhir-r4/Task-example4.json": CLOSED,
    "fhir-r4/Task-example5.json": TAKEN,
    "fhir-r4/Task-example6.json": CLOSED,
    "fhir-r4/Task-fm-example1.json": NO_REFERRAL,
    "fhir-r4/Task-fm-example2.json": NO_REFERRAL,
    "fhir-r4/Task-fm-example3.json": NO_REFERRAL,
    "fhir-r4/Task-fm-example4.json": NO_REFERRAL,
    "fhir-r4/Task-fm-example5.json": NO_REFERRAL,
    # A payment, and completed: what it is comes before how it stands.
    "fhir-r4/Task-fm-example6.json": NO_REFERRAL,
    "fhir-r4/Consent-consent-example-Emergency.json": NO_KIND,
    "fhir-r4/Consent-consent-example-Out.json": NO_KIND,
    "fhir-r4/Consent-consent-example-basic.json": NO_KIND,
    "fhir-r4/Consent-consent-example-grantor.json": NO_KIND,
    "fhir-r4/Consent-consent-example-notAuthor.json": NO_KIND,
    "fhir-r4/Consent-consent-example-notOrg.json": NO_KIND,
    "fhir-r4/Consent-consent-example-notThem.json": NO_KIND,
    "fhir-r4/Consent-consent-example-notThis.json": NO_KIND,
    "fhir-r4/Consent-consent-example-notTime.json": NO_KIND,
    "fhir-r4/Consent-consent-example-pkb.json": NO_KIND,
    "fhir-r4/Consent-consent-example-signature.json": NO_KIND,
    "fhir-r4/Consent-consent-example-smartonfhir.json": NO_KIND,
    "gravity/SDOHCC-ServiceRequest-HungerVitalSign-Example-1.json": TAKEN,
    "gravity/SDOHCC-Task-OrderFulfillment-Example-1.json": TAKEN,
}
OPEN: Final = tuple(name for name, verdict in VERDICTS.items() if verdict == TAKEN)
CLOSED_ONES: Final = tuple(name for name, verdict in VERDICTS.items() if verdict == CLOSED)
