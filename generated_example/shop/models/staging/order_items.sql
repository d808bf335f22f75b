/* The products within each order, priced in euros */
MODEL (
  name staging.order_items,
  kind FULL,
  cron '@hourly',
  grain (order_id, product_id),
  references (order_id, product_id),
  owner 'data@shop.example',
  tags ('dagster:group_name:staging', 'finance'),
  audits (
    assert_at_least(column := quantity, minimum := 1),
    unique_combination_of_columns(columns := (order_id, product_id))
  )
);

SELECT
  order_id::INT, -- The order that the product belongs to
  product_id::INT, -- What was ordered
  quantity::INT, -- How many pieces
  @euros(unit_price_cents) AS unit_price, -- Price of one piece, in euros
  @euros(unit_price_cents * quantity) AS line_total -- Price of all pieces, in euros
FROM source.order_items
