/* Orders with the day they count for */
MODEL (
  name staging.orders,
  kind VIEW,
  cron '@hourly',
  grain order_id,
  references customer_id,
  owner 'data@shop.example',
  tags ('dagster:group_name:staging'),
  audits (
    not_null(columns := (order_id, customer_id)),
    not_null(columns := (ordered_at), condition := status <> 'cancelled'),
    accepted_values(column := status, is_in := ('open', 'paid', 'shipped', 'cancelled')),
    number_of_rows(threshold := 100, blocking := false)
  )
);

SELECT
  order_id::INT, -- The order's number
  customer_id::INT, -- Who ordered
  ordered_at::TIMESTAMP, -- When the order came in, in UTC
  ordered_at::DATE AS order_date, -- The day whose revenue the order belongs to
  status::TEXT -- open, paid, shipped or cancelled
FROM source.orders
