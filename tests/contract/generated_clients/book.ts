// Book two seats with the generated types and openapi-fetch. Run by test_generated_clients.
import createClient from "openapi-fetch";
import type { components, paths } from "./ledger.js";

declare const process: { argv: string[] };
const target = JSON.parse(process.argv[2]);
const client = createClient<paths>({
  baseUrl: target.url,
  headers: { Authorization: `Bearer ${target.token}` },
});

const hold = { flight_id: target.flight_id, user_id: target.user_id, seats: 2 };
const { data: booking } = await client.POST("/api/v1/bookings", { body: hold });
if (!booking) throw new Error("no booking");
const status: components["schemas"]["BookingStatus"] = booking.status;
if (status !== "initiated") throw new Error(status);

const { data: paid, error } = await client.POST("/api/v1/bookings/payments", {
  params: { header: { "x-idempotency-key": `pay-${booking.id}` } },
  body: { booking_id: booking.id, user_id: target.user_id, total_cost: booking.total_cost, capture: "automatic" },
});
if (!paid) throw new Error(error.detail);

const { error: refused } = await client.POST("/api/v1/bookings", { body: hold });
// The code tells which facts a refusal has.
if (refused?.code !== "not-enough-seats") throw new Error(refused?.detail);

const { data: seats } = await client.GET("/api/v1/flights/{id}/availability", {
  params: { path: { id: target.flight_id } },
});
console.log(
  JSON.stringify({
    status: paid.booking.status,
    seats: paid.booking.seats,
    free: seats?.available,
    refused: { code: refused.code, asked: refused.asked, free: refused.free },
  }),
);
